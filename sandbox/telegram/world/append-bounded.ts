/** Lists that keep their newest items only: the sandbox may run for days. */

/** Appends `item`, and drops the oldest items so that at least the newest `limit` stay. */
export function appendBounded<T>(items: T[], item: T, limit: number): void {
  items.push(item);
  // Cut in large steps: cutting one at a time would move the whole list for each item.
  if (items.length >= limit * 2) items.splice(0, items.length - limit);
}
