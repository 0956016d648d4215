/** Texts of an import: keys are taken exactly, names are tidied. */
import { BadInputError } from "../../errors.ts";
import { quoteCell } from "./import-error.ts";
import { findInvisible, findTurning, isBlank } from "./invisible-characters.ts";

/** An index entry holds some 2,700 bytes; no shop's SKU comes near. In characters. */
const MAX_KEY_CHARACTERS = 100;
const MAX_NAME_CHARACTERS = 300;

/** A SKU or receipt number: exactly as it is written, so nothing that cannot be seen may be in it. */
export function readKey(cell: string): string {
  const unseen = findInvisible(cell);
  if (unseen) throw new BadInputError(`${quoteCell(cell)} has ${unseen}, which cannot be seen: type it again`);
  return withinLength(cell, MAX_KEY_CHARACTERS);
}

/** A name or category: line breaks and runs of spaces become one space. */
export function readName(cell: string): string {
  const name = cell.replace(/\s+/g, " ");
  if (/\p{Cc}|\uFFFD/u.test(name)) throw new BadInputError(`${quoteCell(cell)} holds characters that cannot be read`);
  if (isBlank(name)) throw new BadInputError(`${quoteCell(cell)} shows nothing`);
  const turning = findTurning(name);
  if (turning)
    throw new BadInputError(`${quoteCell(cell)} has ${turning}, which turns the text around it: type it again`);
  return withinLength(name, MAX_NAME_CHARACTERS);
}

function withinLength(text: string, max: number): string {
  if (text.length > max) throw new BadInputError(`${quoteCell(text)} has more than ${max} characters`);
  return text;
}
