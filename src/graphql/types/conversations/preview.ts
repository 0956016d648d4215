/** Previews: the beginning of a text that may be long. */
import { BadInputError } from "../../../errors.ts";
import { builder } from "../../builder.ts";

/** `length`: that of the whole text, in characters. */
export interface PreviewState {
  readonly text: string;
  readonly length: number;
}

const MAX_PREVIEW_LENGTH = 5_000;

export const Preview = builder.objectRef<PreviewState>("Preview").implement({
  description:
    "The beginning of a text. Lengths are in Unicode characters (code points), so that no character is cut in half.",
  fields: (t) => ({
    text: t.exposeString("text", { description: "The beginning of the text, or all of it if it is short enough." }),
    length: t.exposeInt("length", { description: "The length of the whole text, in characters." }),
    isWhole: t.boolean({
      description: "Whether the preview is the whole text.",
      resolve: ({ text, length }) => countCharacters(text) === length,
    }),
  }),
});

/** The argument of every preview. */
export function previewArguments(defaultLength: number) {
  return builder.args((t) => ({
    length: t.int({
      required: true,
      defaultValue: defaultLength,
      description: `The maximum number of characters, 1 to ${MAX_PREVIEW_LENGTH}.`,
    }),
  }));
}

/** @throws {BadInputError} for a length out of bounds. */
export function checkPreviewLength(length: number): number {
  if (length >= 1 && length <= MAX_PREVIEW_LENGTH) return length;
  throw new BadInputError(`'length' must be from 1 to ${MAX_PREVIEW_LENGTH}`);
}

export function previewOf(text: string, length: number): PreviewState {
  const end = offsetOf(text, checkPreviewLength(length));
  return { text: text.slice(0, end), length: countCharacters(text) };
}

/** Where the first `count` characters end, in UTF-16 units. */
function offsetOf(text: string, count: number): number {
  let offset = 0;
  for (let left = count; left > 0 && offset < text.length; left--) offset += isPair(text, offset) ? 2 : 1;
  return offset;
}

function countCharacters(text: string): number {
  let count = 0;
  for (let offset = 0; offset < text.length; offset += isPair(text, offset) ? 2 : 1) count += 1;
  return count;
}

function isPair(text: string, offset: number): boolean {
  return (text.codePointAt(offset) ?? 0) > 0xffff;
}
