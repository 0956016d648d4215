/** The Assistant's text in one run: put together from the model's pieces, and from what earlier attempts have stored. */
import type { RunEvent } from "../events.ts";

/** The text so far. Rounds are separated by a blank line. */
export type Answer = ReturnType<typeof createAnswer>;

/** An empty answer. `emit` gets a `text-delta` for each piece by which it grows. */
export function createAnswer(emit: (event: RunEvent) => void) {
  let text = "";
  let roundStart = 0;
  let isNewRound = false;
  const append = (delta: string) => {
    const separated = isNewRound && text !== "" ? `\n\n${delta}` : delta;
    isNewRound = false;
    text += separated;
    emit({ type: "text-delta", delta: separated });
  };
  return {
    text: () => text,
    textOfRound: () => text.slice(roundStart),
    beginRound() {
      isNewRound = true;
      roundStart = text.length;
    },
    write: append,
    /**
     * The text of the round as it turned out to be. It differs from the pieces when a server told more at the end, or when
     * they were thinking: then only the text at the run's end is right.
     */
    endRound(whole: string) {
      const before = text.slice(0, roundStart);
      text = before === "" || whole === "" ? before + whole : `${before}\n\n${whole}`;
    },
    replay(item: string) {
      append(item);
      // The next text item of this round is separated, as it was when it was streamed.
      isNewRound = true;
    },
  };
}
