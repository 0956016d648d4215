/**
 * The stand-in's memory of the reasoning it sent: what comes back must be whole, unchanged and in its place.
 *
 * It knows items by id only, so a client that strips ids of calls is not caught here, as it is not by OpenAI.
 */

import { invalidRequest } from "./api-refusal.ts";
import type { InputItem } from "./turn.ts";

export interface IssuedReasoning {
  /** Remembers the items of one finished answer, in order. */
  remember(output: readonly InputItem[]): void;
  /** Throws `ApiRefusal` when a sent reasoning item is altered, or left out before the item that it led to. */
  check(input: readonly InputItem[]): void;
}

export function createIssuedReasoning(): IssuedReasoning {
  /** Content by id of the reasoning item. */
  const contents = new Map<string, string>();
  /** Id of the reasoning item by id of the item right after it. */
  const ledTo = new Map<string, string>();
  return {
    remember(output) {
      for (const [index, item] of output.entries()) {
        if (item.type !== "reasoning" || !item.id || !item.encrypted_content) continue;
        contents.set(item.id, item.encrypted_content);
        const next = output[index + 1];
        if (next?.id) ledTo.set(next.id, item.id);
      }
    },
    check(input) {
      for (const [index, item] of input.entries()) {
        needUnaltered(item, contents);
        needReasoningBefore(item, input[index - 1], ledTo);
      }
    },
  };
}

function needUnaltered(item: InputItem, contents: ReadonlyMap<string, string>): void {
  const sent = item.type === "reasoning" ? contents.get(item.id ?? "") : undefined;
  if (sent === undefined || sent === item.encrypted_content) return;
  throw invalidRequest(
    `The encrypted content for item ${item.id} could not be verified.`,
    "input",
    "invalid_encrypted_content",
  );
}

function needReasoningBefore(item: InputItem, before: InputItem | undefined, ledTo: ReadonlyMap<string, string>): void {
  const reasoningId = ledTo.get(item.id ?? "");
  if (reasoningId === undefined || before?.id === reasoningId) return;
  throw invalidRequest(
    `Item '${item.id}' of type '${item.type}' was provided without its required 'reasoning' item: '${reasoningId}'.`,
    "input",
  );
}
