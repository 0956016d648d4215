/**
 * Which item of an answer an event speaks of. The index is the key where there is one, ids are hints, and a server may give
 * neither: then it speaks of the last item.
 */
import type { Place, ToldItem } from "./told-item.ts";

/** The known item; null for a new one. */
export function placeAmong(items: readonly ToldItem[], place: Place): ToldItem | null {
  const { index, type } = place;
  const last = items.at(-1);
  const isLast = last?.type === type && !place.isOpening && (place.isLike?.(last) ?? true);
  if (index === null) {
    const byId = items.findLast((item) => item.type === type && hasId(item, place));
    if (byId) return isAnother(byId, place) ? null : byId;
    // A call that is told with another `call_id` is another one, also with the same arguments.
    const isTold = last?.isDone && (place.isLike === undefined || place.callId !== null);
    return isLast && !isTold ? last : null;
  }
  const atIndex = items.findLast((item) => item.type === type && item.index === index);
  // Some servers give all items the index 0.
  const isCounting = items.some((item) => item.index !== null && item.index > 0);
  if (atIndex) return !isCounting && isAnother(atIndex, place) ? null : atIndex;
  const unplaced =
    items.find((item) => item.type === type && item.index === null && hasId(item, place)) ??
    (isLast && !last.isDone && last.index === null ? last : null);
  if (unplaced) unplaced.index = index;
  return unplaced;
}

/** An item that was told as a whole is followed by another one, unless it is told again. */
function isAnother(known: ToldItem, place: Place): boolean {
  if (!known.isDone) return false;
  return place.isLike ? !place.isLike(known) : !hasId(known, place);
}

function hasId({ ids }: ToldItem, { id, callId }: Place): boolean {
  return (id !== null && ids.has(id)) || (callId !== null && ids.has(callId));
}

/**
 * The known items of a list that tells the whole answer, in its order; null for each new one.
 *
 * An item is known by an id, by its index, or because it is the next one that could be the same.
 */
export function placeAll(items: readonly ToldItem[], places: readonly Place[]): (ToldItem | null)[] {
  const left = new Set(items);
  const take = (found: ToldItem | undefined) => {
    if (found) left.delete(found);
    return found ?? null;
  };
  const byIds = places.map((place) => take([...left].find((item) => item.type === place.type && hasId(item, place))));
  return places.map((place, position) => {
    if (byIds[position]) return byIds[position];
    const alike = [...left].filter((item) => item.type === place.type && (place.isLike?.(item) ?? true));
    return take(alike.find(({ index }) => index === position) ?? alike[0]);
  });
}
