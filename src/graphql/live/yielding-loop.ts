/** A loop that yields to the event loop, so that long work does not delay timers, I/O and other requests. */

/** Yields after every `batchSize` items. Items added to a live collection during the loop are processed too. */
export async function forEachYielding<Item>(
  items: Iterable<Item>,
  batchSize: number,
  work: (item: Item) => void,
): Promise<void> {
  let processed = 0;
  for (const item of items) {
    work(item);
    processed += 1;
    if (processed % batchSize === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}
