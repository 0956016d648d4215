/** What the Assistant says in one run, put together from the model's pieces and from what earlier attempts have stored. */
import type { RunEvent } from "../events.ts";

/** What the Assistant has said so far; rounds are set apart by a blank line. */
export type Answer = ReturnType<typeof createAnswer>;

/** An answer that is still empty; what it grows by is told. */
export function createAnswer(emit: (event: RunEvent) => void) {
  let text = "";
  let roundStart = 0;
  let isNewRound = false;
  const append = (delta: string) => {
    const separated = isNewRound && text !== "" ? `\n\n${delta}` : delta;
    isNewRound = false;
    text += separated;
    return separated;
  };
  return {
    text: () => text,
    textOfRound: () => text.slice(roundStart),
    beginRound() {
      isNewRound = true;
      roundStart = text.length;
    },
    write(delta: string) {
      emit({ type: "text-delta", delta: append(delta) });
    },
    replay(item: string) {
      emit({ type: "text-delta", delta: append(item) });
      // The next text item of this round stands apart, as it did when it was streamed.
      isNewRound = true;
    },
  };
}
