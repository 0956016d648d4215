/** The text of one model call on its way out: exactly as it came, but for what no database stores. */
import { storableText } from "../../db/storable.ts";
import { MAX_ANSWER_CHARACTERS } from "../limits.ts";
import { ModelError } from "./error.ts";

/** Takes the pieces of text items as they come, and hands them on. */
interface TextWriter {
  /** @throws {ModelError} when the answer is longer than `MAX_ANSWER_CHARACTERS`. */
  write(itemId: string, delta: string): void;
  /** Hands on what waited for its other half. */
  end(): void;
}

/** Sets text items apart by a blank line, puts halved characters together, and ends an answer that would not end by itself. */
export function createTextWriter(onText: (delta: string) => void): TextWriter {
  let current: string | null = null;
  let length = 0;
  let half = "";
  const handOn = (text: string) => {
    if (text !== "") onText(storableText(text));
  };
  const end = () => {
    handOn(half);
    half = "";
  };
  return {
    write(itemId: string, delta: string) {
      if (delta === "") return;
      if (current !== null && current !== itemId) {
        end();
        onText("\n\n");
      }
      current = itemId;
      length += delta.length;
      if (length > MAX_ANSWER_CHARACTERS) {
        throw new ModelError("MODEL_TOO_LONG", `The answer is longer than ${MAX_ANSWER_CHARACTERS} characters.`);
      }
      const text = half + delta;
      half = /[\ud800-\udbff]$/.test(text) ? text.slice(-1) : "";
      handOn(text.slice(0, text.length - half.length));
    },
    end,
  };
}
