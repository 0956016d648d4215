/** The ids of what a model said, as it goes back: each output must belong to one call, and no item may come twice. */
import { randomUUID } from "node:crypto";

type Item = object & { type?: unknown; id?: unknown; call_id?: unknown };

/**
 * Makes one answer fit what goes back with it. Calls get a new id whose own is missing or came before, in `input` or in the
 * same answer: some servers count from 0 in each answer. Of items the id is left out that came before; of reasoning, which
 * cannot go back without, the whole, and so is reasoning that nothing follows. `calls` are those of `items`, in the same order.
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
    const isTwice = taken.has(id);
    taken.add(id);
    if (!isTwice) return [own];
    return own.type === "reasoning" ? [] : [others];
  });
  // Only an answer with calls goes back. Reasoning belongs to what comes behind it: at the end it is refused.
  const end = items.findLastIndex(({ type }) => type !== "reasoning") + 1;
  return { ...answer, items: calls.length > 0 ? items.slice(0, end) : items, calls };
}
