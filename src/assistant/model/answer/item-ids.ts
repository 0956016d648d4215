/** The ids of a model's items, which are sent back to it: each output must belong to one call, and ids must be unique. */
import { randomUUID } from "node:crypto";

type Item = object & { type?: unknown; id?: unknown; call_id?: unknown };

/**
 * Makes the ids of one answer unique among its own and those of `input`. `calls` are those of `items`, in the same order.
 *
 * A call gets a new id when its own is missing or was used before: some servers count from 0 in each answer. Other items lose
 * an id that was used before. Reasoning cannot be sent back without its id, so it is left out whole. Reasoning at the end of
 * an answer, which nothing follows, is left out too.
 */
export function withOwnIds<Answer extends { items: object[]; calls: { callId: string }[] }>(
  answer: Answer,
  input: object[],
): Answer {
  const taken = new Set((input as Item[]).flatMap(({ id, call_id }) => [id, call_id]));
  const idOf = (callId: string) => {
    const own = callId && !taken.has(callId) ? callId : `call_${randomUUID().replaceAll("-", "")}`;
    taken.add(own);
    return own;
  };
  const calls = answer.calls.map((call) => ({ ...call, callId: idOf(call.callId) }));
  const ids = calls.values().map(({ callId }) => callId);
  const items = (answer.items as Item[]).flatMap((item) => {
    const own = item.type === "function_call" ? { ...item, call_id: ids.next().value } : item;
    const { id, ...others } = own;
    if (id === undefined) return [own];
    const isUsed = taken.has(id);
    taken.add(id);
    if (!isUsed) return [own];
    return own.type === "reasoning" ? [] : [others];
  });
  // Only an answer with calls is sent back. Reasoning belongs to the item after it: at the end it is refused.
  const end = items.findLastIndex(({ type }) => type !== "reasoning") + 1;
  return { ...answer, items: calls.length > 0 ? items.slice(0, end) : items, calls };
}
