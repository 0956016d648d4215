/**
 * Checks how the items of `input` fit together: each call has exactly one output, and each reasoning item has its content
 * and the item that follows from it.
 *
 * The items must have passed `check-input.ts`. Earlier requests are not considered.
 */

import { ApiRefusal, invalidRequest } from "./api-refusal.ts";
import type { InputItem } from "./turn.ts";

/** Throws `ApiRefusal` for the first violation. `store` is the request's value; OpenAI's default is true. */
export function checkConversation(items: readonly InputItem[], store: boolean): void {
  checkUniqueIds(items);
  checkCallsAndOutputs(items);
  for (const [index, item] of items.entries()) {
    if (item.type === "reasoning") checkReasoning(item, items[index + 1], store);
  }
}

function checkUniqueIds(items: readonly InputItem[]): void {
  const seen = new Set<string>();
  for (const { id } of items) {
    if (id == null) continue;
    if (seen.has(id)) {
      throw invalidRequest(
        `Duplicate item found with id ${id}. Remove duplicate items from your input and try again.`,
        "input",
      );
    }
    seen.add(id);
  }
}

function checkCallsAndOutputs(items: readonly InputItem[]): void {
  const open = new Set<string>();
  const answered = new Set<string>();
  for (const { type, call_id: callId = "" } of items) {
    if (type === "function_call") openCall(callId, open, answered);
    if (type === "function_call_output") closeCall(callId, open, answered);
  }
  const [first] = open;
  if (first !== undefined) throw invalidRequest(`No tool output found for function call ${first}.`, "input");
}

function openCall(callId: string, open: Set<string>, answered: ReadonlySet<string>): void {
  if (open.has(callId) || answered.has(callId)) throw invalidRequest(`Duplicate function call ${callId}.`, "input");
  open.add(callId);
}

function closeCall(callId: string, open: Set<string>, answered: Set<string>): void {
  if (answered.has(callId)) throw invalidRequest(`Duplicate tool output for function call ${callId}.`, "input");
  if (!open.delete(callId)) {
    throw invalidRequest(`No tool call found for function call output with call_id ${callId}.`, "input");
  }
  answered.add(callId);
}

function checkReasoning(item: InputItem, next: InputItem | undefined, store: boolean): void {
  if (!item.encrypted_content) throw notPersisted(item.id ?? "", store);
  const isFollowed = next?.type === "function_call" || next?.type === "reasoning" || next?.role === "assistant";
  if (isFollowed) return;
  throw invalidRequest(
    `Item '${item.id}' of type 'reasoning' was provided without its required following item.`,
    "input",
  );
}

/** A 404, as public issue threads show it: OpenAI looks up an id without content in its own store. */
function notPersisted(id: string, store: boolean): ApiRefusal {
  const why = store
    ? ""
    : " Items are not persisted when `store` is set to false. Try again with `store` set to true, or remove this item from your input.";
  return new ApiRefusal(404, {
    message: `Item with id '${id}' not found.${why}`,
    type: "invalid_request_error",
    param: "input",
    code: null,
  });
}
