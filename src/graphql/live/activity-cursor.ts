/**
 * Cursors of subscriptions: how far a client has read, as one opaque string.
 *
 * A cursor holds a snapshot of the database, which the client has seen completely. In the middle of a page it also holds the
 * page's snapshot and the key of the last change that the client got from it.
 */
import { type ActivityPosition, CHANGE_KINDS, type Change, type ChangeKey } from "../../db/queries/admin/changes.ts";
import { parseSnapshot, type Snapshot } from "../../db/snapshot.ts";
import { BadInputError } from "../../errors.ts";

const PREFIX = "activity";
const MAX_LENGTH = 16_000;

export function encodePosition({ seen, page }: ActivityPosition): string {
  const parts = page ? [seen.text, page.snapshot.text, ...keyParts(page.key)] : [seen.text];
  return Buffer.from([PREFIX, ...parts].join(" ")).toString("base64url");
}

/** @throws {BadInputError} for a string that `encodePosition` did not make. */
export function decodePosition(cursor: string): ActivityPosition {
  const text = cursor.length > MAX_LENGTH ? "" : Buffer.from(cursor, "base64url").toString();
  const [prefix, seenText = "", snapshotText, ...key] = text.split(" ");
  const seen = prefix === PREFIX ? parseSnapshot(seenText) : null;
  const page = snapshotText === undefined ? undefined : readPage(snapshotText, key);
  const isValid = seen !== null && page !== null && encodePosition({ seen, ...(page && { page }) }) === cursor;
  if (!isValid) throw new BadInputError("'after' is not a cursor of this subscription: use the cursor of an event");
  return { seen, ...(page && { page }) };
}

/** A change within the page that it was read with. */
export interface PagedChange {
  readonly change: Change;
  /** The snapshot that was seen before the page. */
  readonly seen: Snapshot;
  /** The snapshot that the page was read from. */
  readonly page: Snapshot;
  /** Whether the change is the last one of `page`. */
  readonly endsPage: boolean;
}

/** The cursor of a client that has read up to this change, the change included. */
export function cursorAfter({ change, seen, page, endsPage }: PagedChange): string {
  return encodePosition(endsPage ? { seen: page } : { seen, page: { snapshot: page, key: change.key } });
}

function keyParts({ changedIn, kind, id, offset }: ChangeKey): string[] {
  return [String(changedIn), kind, id, String(offset)];
}

function readPage(snapshotText: string, [changedIn = "", kindText, id = "", offset = "", ...more]: string[]) {
  const snapshot = parseSnapshot(snapshotText);
  const kind = CHANGE_KINDS.find((name) => name === kindText);
  const isValid =
    /^[1-9]\d{0,17}$/.test(changedIn) &&
    /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id) &&
    /^(0|[1-9]\d{0,8})$/.test(offset) &&
    more.length === 0;
  if (!snapshot || !kind || !isValid) return null;
  return { snapshot, key: { changedIn: BigInt(changedIn), kind, id, offset: Number(offset) } };
}
