/**
 * What is worked out once, for all who get an event: kept on the event, so that it goes when the event does.
 *
 * A WeakMap by events would say the same, but V8 lets go of its values in full collections only: each young one then copies
 * what is long done with, and the process stands still for tens of milliseconds.
 */

/** By what asks for it. */
export type Kept = Map<unknown, unknown>;

/** The value under `key`; where there is none, the one that `make` gives, from then on. A key stands for one kind of value. */
export function keep<Value>(kept: Kept, key: unknown, make: () => Value): Value {
  const known = kept.get(key);
  if (known !== undefined) return known as Value;
  const made = make();
  kept.set(key, made);
  return made;
}
