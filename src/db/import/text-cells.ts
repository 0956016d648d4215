/** Reads texts of an import: keys exactly as they are, names with normalized spaces. */
import { BadInputError } from "../../errors.ts";
import { quoteCell } from "./import-error.ts";
import { findDirectionalFormatting, findInvisible, isBlank } from "./invisible-characters.ts";
import { isShortened, withoutTextMark } from "./spreadsheet-cells.ts";

/** In characters. An index entry holds some 2,700 bytes, far more than any shop's SKU. */
const MAX_KEY_CHARACTERS = 100;
const MAX_NAME_CHARACTERS = 300;

/** A SKU or receipt number. It is compared exactly, so it must have all its digits and nothing that cannot be seen. */
export function readKey(written: string): string {
  const cell = withoutTextMark(written);
  if (cell === "") throw new BadInputError("is empty");
  if (isShortened(cell)) {
    throw new BadInputError(
      `${quoteCell(cell)} lost digits, because the spreadsheet shortened a long number: format the column as text`,
    );
  }
  const invisible = findInvisible(cell);
  if (invisible) throw new BadInputError(`${quoteCell(cell)} contains ${invisible}, which is invisible: type it again`);
  if (/ {2}/.test(cell))
    throw new BadInputError(`${quoteCell(cell)} has two spaces in a row, which look like one: keep one`);
  return withinLength(cell, MAX_KEY_CHARACTERS);
}

/** A name or category: line breaks and runs of spaces become one space. */
export function readName(cell: string): string {
  const name = cell.replace(/\s+/g, " ");
  if (/\p{Cc}|\uFFFD/u.test(name)) throw new BadInputError(`${quoteCell(cell)} contains unreadable characters`);
  if (isBlank(name)) throw new BadInputError(`${quoteCell(cell)} has no visible characters`);
  const formatting = findDirectionalFormatting(name);
  if (formatting)
    throw new BadInputError(
      `${quoteCell(cell)} contains ${formatting}, which changes the direction of the text around it: type it again`,
    );
  return withinLength(name, MAX_NAME_CHARACTERS);
}

function withinLength(text: string, max: number): string {
  if (text.length > max) throw new BadInputError(`${quoteCell(text)} has more than ${max} characters`);
  return text;
}
