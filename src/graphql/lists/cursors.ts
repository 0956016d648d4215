/**
 * Cursors of lists: the position of a row in one list and one order, as one opaque string.
 *
 * A cursor holds the sort key of its row as text. Timestamps are in microseconds, as in Postgres, so that rows one microsecond
 * apart stay apart. It also names the list, its direction and its parent, and is refused with any other.
 */
import { isUtf8 } from "node:buffer";
import type { KeyKind } from "../../db/queries/admin/keyset.ts";
import type { Listing } from "../../db/queries/admin/paging.ts";
import { BadInputError } from "../../errors.ts";

/** Where a cursor is valid. `parentId` is null in a list without a parent. */
export interface CursorScope {
  readonly listing: Pick<Listing<never>, "name" | "key">;
  readonly descending: boolean;
  readonly parentId: string | null;
}

/** Accepts only values that Postgres can convert: digits that fit the type. */
const VALUE: Record<KeyKind, (text: string) => boolean> = {
  instant: (text) => /^(0|-?[1-9]\d{0,15})$/.test(text) && Number.isSafeInteger(Number(text)),
  integer: (text) => /^(0|-?[1-9]\d{0,9})$/.test(text) && Math.abs(Number(text)) < 2 ** 31,
  // Hex of UTF-8 that Postgres can store, and not longer than any name.
  text: (text) => /^([0-9a-f]{2}){0,2000}$/.test(text) && isStorable(Buffer.from(text, "hex")),
  uuid: (text) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text),
};

/** `rowKey` as `findRows` returns it. */
export function encodeCursor(scope: CursorScope, rowKey: string): string {
  return Buffer.from(`${prefix(scope)} ${rowKey}`).toString("base64url");
}

/**
 * The values of the sort key. `argument` is the name of the GraphQL argument, for the error message.
 *
 * @throws {BadInputError} for a cursor that was not made for this list, direction and parent.
 */
export function decodeCursor(scope: CursorScope, cursor: string, argument: string): readonly string[] {
  const expected = `${prefix(scope)} `;
  const text = Buffer.from(cursor, "base64url").toString();
  const values = text.startsWith(expected) ? text.slice(expected.length).split(" ") : [];
  const { key } = scope.listing;
  const isValid = values.length === key.length && key.every(({ kind }, index) => VALUE[kind](values[index] ?? ""));
  if (!isValid || Buffer.from(text).toString("base64url") !== cursor) {
    throw new BadInputError(`'${argument}' is not a cursor of this list in this order`);
  }
  return values;
}

function isStorable(bytes: Buffer): boolean {
  return isUtf8(bytes) && !bytes.includes(0);
}

function prefix({ listing, descending, parentId }: CursorScope): string {
  return `${listing.name} ${descending ? "DESC" : "ASC"} ${parentId ?? "-"}`;
}
