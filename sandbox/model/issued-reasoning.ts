/**
 * Remembers the reasoning items that the stand-in sent, and checks that they come back complete, unchanged and in order.
 *
 * Items are recognised by id only. A client that strips the ids of calls is not detected, as with OpenAI.
 */

import { invalidRequest } from "./api-refusal.ts";
import type { InputItem } from "./turn.ts";

export interface IssuedReasoning {
  /** Remembers the output items of one finished response, in order. */
  remember(output: readonly InputItem[]): void;
  /** Throws `ApiRefusal` when a sent reasoning item was changed, or is missing before the item that followed it. */
  check(input: readonly InputItem[]): void;
}

export function createIssuedReasoning(): IssuedReasoning {
  /** Encrypted content by the id of the reasoning item. */
  const contents = new Map<string, string>();
  /** The id of the reasoning item by the id of the item right after it. */
  const reasoningBefore = new Map<string, string>();
  return {
    remember(output) {
      for (const [index, item] of output.entries()) {
        if (item.type !== "reasoning" || !item.id || !item.encrypted_content) continue;
        contents.set(item.id, item.encrypted_content);
        const next = output[index + 1];
        if (next?.id) reasoningBefore.set(next.id, item.id);
      }
    },
    check(input) {
      for (const [index, item] of input.entries()) {
        assertUnaltered(item, contents);
        assertReasoningBefore(item, input[index - 1], reasoningBefore);
      }
    },
  };
}

function assertUnaltered(item: InputItem, contents: ReadonlyMap<string, string>): void {
  const sent = item.type === "reasoning" ? contents.get(item.id ?? "") : undefined;
  if (sent === undefined || sent === item.encrypted_content) return;
  throw invalidRequest(
    `The encrypted content for item ${item.id} could not be verified.`,
    "input",
    "invalid_encrypted_content",
  );
}

function assertReasoningBefore(
  item: InputItem,
  previous: InputItem | undefined,
  reasoningBefore: ReadonlyMap<string, string>,
): void {
  const reasoningId = reasoningBefore.get(item.id ?? "");
  if (reasoningId === undefined || previous?.id === reasoningId) return;
  throw invalidRequest(
    `Item '${item.id}' of type '${item.type}' was provided without its required 'reasoning' item: '${reasoningId}'.`,
    "input",
  );
}
