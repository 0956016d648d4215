/** The text of one model call: exactly as it arrives, except for characters that no database stores. */
import { storableText } from "../../../db/storable.ts";
import { MAX_ANSWER_CHARACTERS } from "../../limits.ts";
import { ModelError } from "../errors/error.ts";

/** Takes the pieces of text items as they arrive, and passes them on. */
interface TextWriter {
  /** @throws {ModelError} when the answer is longer than `MAX_ANSWER_CHARACTERS`. */
  write(item: object, delta: string): void;
  /** Passes on a half character that waited for its other half. */
  end(): void;
}

/** Separates text items by a blank line, joins halves of one character, and limits the length. */
export function createTextWriter(onText: (delta: string) => void): TextWriter {
  let current: object | null = null;
  let length = 0;
  let half = "";
  const passOn = (text: string) => {
    if (text !== "") onText(storableText(text));
  };
  const end = () => {
    passOn(half);
    half = "";
  };
  return {
    write(item: object, delta: string) {
      if (delta === "") return;
      if (current !== null && current !== item) {
        end();
        onText("\n\n");
      }
      current = item;
      length += delta.length;
      if (length > MAX_ANSWER_CHARACTERS) {
        throw new ModelError("MODEL_TOO_LONG", `The answer is longer than ${MAX_ANSWER_CHARACTERS} characters.`);
      }
      const text = half + delta;
      half = /[\ud800-\udbff]$/.test(text) ? text.slice(-1) : "";
      passOn(text.slice(0, text.length - half.length));
    },
    end,
  };
}
