/**
 * Memoization per event: a value computed for one subscriber serves all others who get the event.
 *
 * The memo is a field of the event and is freed with it. A WeakMap keyed by events would do the same, but V8 frees its values in
 * full collections only. Each young collection then copies dead values and pauses the process for tens of milliseconds.
 */

/** Computed values by key. */
export type Memo = Map<unknown, unknown>;

/** The value under `key`, computed on first use. One key must always stand for one type of value. */
export function memoize<Value>(memo: Memo, key: unknown, compute: () => Value): Value {
  const known = memo.get(key);
  if (known !== undefined) return known as Value;
  const value = compute();
  memo.set(key, value);
  return value;
}
