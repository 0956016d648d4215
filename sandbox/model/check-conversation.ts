/**
 * How the items of `input` must fit together: each call has its one output, each reasoning item its content and what it led to.
 *
 * It takes items that already passed `check-input.ts`, and has no memory of earlier requests.
 */

import { ApiRefusal, invalidRequest } from "./api-refusal.ts";
import type { InputItem } from "./turn.ts";

/** Throws `ApiRefusal` for the first thing that does not fit. `store` is the request's, by default true. */
export function checkConversation(items: readonly InputItem[], store: boolean): void {
  checkIdsAreSingle(items);
  checkCallsAndOutputs(items);
  for (const [index, item] of items.entries()) {
    if (item.type === "reasoning") checkReasoning(item, items[index + 1], store);
  }
}

function checkIdsAreSingle(items: readonly InputItem[]): void {
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
    if (type === "function_call") {
      if (open.has(callId) || answered.has(callId)) throw invalidRequest(`Duplicate function call ${callId}.`, "input");
      open.add(callId);
    }
    if (type === "function_call_output") {
      if (answered.has(callId)) throw invalidRequest(`Duplicate tool output for function call ${callId}.`, "input");
      if (!open.delete(callId)) {
        throw invalidRequest(`No tool call found for function call output with call_id ${callId}.`, "input");
      }
      answered.add(callId);
    }
  }
  const [first] = open;
  if (first !== undefined) throw invalidRequest(`No tool output found for function call ${first}.`, "input");
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

/** 404, as public issue threads show it: a bare id is looked up in the service's own store. */
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
