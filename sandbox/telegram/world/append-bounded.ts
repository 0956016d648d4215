/** Bounds the lists of the stand-in: the sandbox may run for days. */

/** Appends `item` and drops the oldest items; at least the newest `limit` stay. */
export function appendBounded<T>(items: T[], item: T, limit: number): void {
  items.push(item);
  // Removes many items at once: removing one at a time would move the whole list for each new item.
  if (items.length >= limit * 2) items.splice(0, items.length - limit);
}
