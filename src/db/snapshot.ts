/**
 * Snapshots of the database: which transactions are visible. Pure.
 *
 * Transactions commit in a different order than they begin, so no sequence number of a row can say "everything before me is
 * known". A snapshot can. It names the first transaction that had not begun (`until`), and the earlier ones that were still
 * running. Everything that it does not show came later. PostgreSQL writes it as `oldest:until:open,open` (pg_snapshot).
 */

export interface Snapshot {
  /** As PostgreSQL writes it. */
  readonly text: string;
  /** Every transaction before this one had ended. */
  readonly oldest: bigint;
  /** No transaction from this one on had begun. */
  readonly until: bigint;
  /** The transactions between the two that had not ended. */
  readonly open: ReadonlySet<bigint>;
}

/** More transactions than any of our servers runs at once. A longer snapshot is forged. */
const MAX_OPEN = 2_000;
const MAX_TRANSACTION = 2n ** 63n;
const SNAPSHOT = /^(\d{1,19}):(\d{1,19}):((?:\d{1,19}(?:,\d{1,19})*)?)$/;

/** Parses a snapshot; null for any text that PostgreSQL would not write. */
export function parseSnapshot(text: string): Snapshot | null {
  const [, oldestText = "", untilText = "", openText = ""] = SNAPSHOT.exec(text) ?? [];
  if (oldestText === "") return null;
  const [oldest, until] = [BigInt(oldestText), BigInt(untilText)];
  const open = openText === "" ? [] : openText.split(",").map(BigInt);
  const isInOrder = open.every((id, index) => id >= oldest && id < until && id > (open[index - 1] ?? -1n));
  const isCanonical = text === `${oldest}:${until}:${open.join(",")}`;
  if (!isInOrder || !isCanonical || oldest < 1n || oldest > until || until >= MAX_TRANSACTION) return null;
  return open.length > MAX_OPEN ? null : { text, oldest, until, open: new Set(open) };
}

/** Whether the effects of this transaction are visible in the snapshot, if it committed. */
export function shows(snapshot: Snapshot, transaction: bigint): boolean {
  if (transaction < snapshot.oldest) return true;
  return transaction < snapshot.until && !snapshot.open.has(transaction);
}

/** Whether `later` shows everything that `earlier` shows. */
export function covers(later: Snapshot, earlier: Snapshot): boolean {
  if (later.until < earlier.until) return false;
  for (const transaction of later.open) if (shows(earlier, transaction)) return false;
  return true;
}
