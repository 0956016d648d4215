/** What some servers want back with the calls that they made: DeepSeek its thinking, Gemini its signatures, Mistral its form of ids. */
import { invalidRequest } from "../api-refusal.ts";
import type { OutputItem } from "../response-object.ts";
import type { ChatCall, ChatMessage, ChatRequestBody } from "./check-chat-request.ts";
import { signatureOf } from "./chunks.ts";
import type { Dialect } from "./dialect.ts";

export interface SecondRounds {
  /** Throws when the messages lack something that the server sent. */
  check(body: ChatRequestBody): void;
  /** Takes what the server answered. */
  remember(output: readonly OutputItem[]): void;
}

export function createSecondRounds(dialect: Dialect): SecondRounds {
  /** The thinking before calls, by their names and arguments: clients may give them other ids. */
  const thinking = new Map<string, string>();
  return {
    check(body) {
      for (const message of body.messages.filter(({ tool_calls: calls }) => calls)) {
        if (dialect === "deepseek") checkThinking(message, thinking);
        for (const call of message.tool_calls ?? []) checkCall(call, dialect);
      }
    },
    remember(output) {
      if (dialect !== "deepseek") return;
      const calls = output.filter(({ type }) => type === "function_call");
      const summaries = output.filter(({ type }) => type === "reasoning").flatMap(({ summary }) => summary);
      const text = summaries.map((part) => String((part as { text?: unknown }).text)).join("");
      if (calls.length > 0 && text !== "")
        thinking.set(keyOf(calls as unknown as { name: string; arguments: string }[]), text);
    },
  };
}

function checkThinking(message: ChatMessage, thinking: ReadonlyMap<string, string>): void {
  const expected = thinking.get(keyOf((message.tool_calls ?? []).map((call) => call.function)));
  if (expected === undefined || message.reasoning_content === expected) return;
  throw invalidRequest("The reasoning_content in the thinking mode must be passed back to the API.", null);
}

function checkCall(call: ChatCall, dialect: Dialect): void {
  if (dialect === "mistral" && !/^[A-Za-z0-9]{9}$/.test(call.id)) {
    throw invalidRequest(`Tool call id was ${call.id} but must be a-z, A-Z, 0-9, with a length of 9.`, null);
  }
  if (dialect !== "gemini") return;
  const { google } = (call.extra_content ?? {}) as { google?: { thought_signature?: unknown } };
  if (google?.thought_signature === signatureOf(call.function)) return;
  throw invalidRequest(
    `Function call is missing a thought_signature in functionCall parts: ${call.function.name}.`,
    null,
  );
}

function keyOf(calls: readonly { name?: string; arguments?: string }[]): string {
  return JSON.stringify(calls.map(({ name, arguments: written }) => [name, JSON.parse(written ?? "{}")]));
}
