/** Work for many, a few at a time: the first of them have theirs before the last, and whoever asks meanwhile is not kept waiting. */

/** `work` says whether there was something to do: after `perTurn` of those all else gets its turn. Who comes meanwhile is served. */
export async function inTurns<Item>(
  items: Iterable<Item>,
  perTurn: number,
  work: (item: Item) => boolean,
): Promise<void> {
  let done = 0;
  for (const item of items) {
    if (!work(item)) continue;
    done += 1;
    if (done % perTurn === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}
