/** Work for many, a few at a time: the first of them have theirs before the last, and whoever asks meanwhile is not kept waiting. */

/** After `perTurn` items all else gets its turn. What comes meanwhile into a collection that is gone through is served. */
export async function forEachYielding<Item>(
  items: Iterable<Item>,
  perTurn: number,
  work: (item: Item) => void,
): Promise<void> {
  let done = 0;
  for (const item of items) {
    work(item);
    done += 1;
    if (done % perTurn === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}
