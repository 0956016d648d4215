/** The ids of tool calls as they go back to the model: each output must belong to one call. */
import { randomUUID } from "node:crypto";

/**
 * Gives calls a new id whose own is missing or came before, in `input` or in the same answer: some servers count from 0
 * in each answer. `calls` are those of `items`, in the same order.
 */
export function withOwnCallIds<Answer extends { items: object[]; calls: { callId: string }[] }>(
  answer: Answer,
  input: object[],
): Answer {
  const taken = new Set(input.flatMap((item) => ("call_id" in item ? [item.call_id] : [])));
  const idOf = (callId: string) => {
    const own = callId && !taken.has(callId) ? callId : `call_${randomUUID().replaceAll("-", "")}`;
    taken.add(own);
    return own;
  };
  const calls = answer.calls.map((call) => ({ ...call, callId: idOf(call.callId) }));
  const ids = calls.values().map(({ callId }) => callId);
  const isCall = (item: object) => "type" in item && item.type === "function_call";
  const items = answer.items.map((item) => (isCall(item) ? { ...item, call_id: ids.next().value } : item));
  return { ...answer, items, calls };
}
