/**
 * Cursors of the live API: how far a client has come, in one opaque word.
 *
 * A cursor is a snapshot of the database (all that it shows is known), or a place within one that was read beyond it.
 */
import { type ActivityPlace, CHANGE_KINDS, type ChangeKey } from "../../db/queries/admin/changes.ts";
import { parseSnapshot } from "../../db/snapshot.ts";
import { BadInputError } from "../../errors.ts";

const WORD = "activity";
const MAX_LENGTH = 16_000;

export function encodePlace({ seen, page }: ActivityPlace): string {
  const parts = page ? [seen.text, page.snapshot.text, ...keyParts(page.key)] : [seen.text];
  return Buffer.from([WORD, ...parts].join(" ")).toString("base64url");
}

/** @throws {BadInputError} for a word that `encodePlace` did not make. */
export function decodePlace(cursor: string): ActivityPlace {
  const text = cursor.length > MAX_LENGTH ? "" : Buffer.from(cursor, "base64url").toString();
  const [word, seenText = "", snapshotText, ...key] = text.split(" ");
  const seen = word === WORD ? parseSnapshot(seenText) : null;
  const page = snapshotText === undefined ? undefined : readPage(snapshotText, key);
  const isOurs = seen !== null && page !== null && encodePlace({ seen, ...(page && { page }) }) === cursor;
  if (!isOurs) throw new BadInputError("'after' is not a cursor of this subscription: give one that an event brought");
  return { seen, ...(page && { page }) };
}

function keyParts({ changedIn, kind, id, offset }: ChangeKey): string[] {
  return [String(changedIn), kind, id, String(offset)];
}

function readPage(snapshotText: string, [changedIn = "", kindText, id = "", offset = "", ...more]: string[]) {
  const snapshot = parseSnapshot(snapshotText);
  const kind = CHANGE_KINDS.find((name) => name === kindText);
  const isWhole =
    /^[1-9]\d{0,17}$/.test(changedIn) &&
    /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id) &&
    /^(0|[1-9]\d{0,8})$/.test(offset) &&
    more.length === 0;
  if (!snapshot || !kind || !isWhole) return null;
  return { snapshot, key: { changedIn: BigInt(changedIn), kind, id, offset: Number(offset) } };
}
