/**
 * Snapshots of the database: which transactions somebody has seen. Pure.
 *
 * Transactions commit in another order than they begin, so no number that a row was given can say "all before me is known".
 * A snapshot can: it names the first transaction that had not begun (`until`), and those before it that had not ended. What
 * it does not show is exactly what came later. PostgreSQL writes it as `oldest:until:open,open` (pg_snapshot).
 */

export interface Snapshot {
  /** As PostgreSQL writes it. */
  readonly text: string;
  /** All before it had ended. */
  readonly oldest: bigint;
  /** None from here on had begun. */
  readonly until: bigint;
  /** Between the two, those that had not ended. */
  readonly open: ReadonlySet<bigint>;
}

/** As many as may be open at once on a server that we know: what is longer was not made by one. */
const MAX_OPEN = 2_000;
const MAX_TRANSACTION = 2n ** 63n;
const SNAPSHOT = /^(\d{1,19}):(\d{1,19}):((?:\d{1,19}(?:,\d{1,19})*)?)$/;

/** The snapshot that a text stands for; null for any text that PostgreSQL would not write. */
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

/** Whether the snapshot shows what this transaction did. */
export function shows(snapshot: Snapshot, transaction: bigint): boolean {
  if (transaction < snapshot.oldest) return true;
  return transaction < snapshot.until && !snapshot.open.has(transaction);
}

/** Whether `later` shows all that `earlier` does. */
export function covers(later: Snapshot, earlier: Snapshot): boolean {
  if (later.until < earlier.until) return false;
  for (const transaction of later.open) if (shows(earlier, transaction)) return false;
  return true;
}
