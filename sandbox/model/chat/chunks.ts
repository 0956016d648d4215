/** The events of a turn as chunks of Chat Completions, in the manner of a dialect. */
import { createId } from "../response-object.ts";
import type { StreamEvent } from "../stream-step.ts";
import type { ChatRequestBody } from "./check-chat-request.ts";
import type { Dialect } from "./dialect.ts";

interface Told {
  calls: number;
  /** Of calls that are told whole. */
  open: { id: string; name: string } | null;
  hasRefusal: boolean;
}

/** Makes the lines of a stream: each event becomes the chunks that tell the same. */
export function createChunkWriter(body: ChatRequestBody, dialect: Dialect): (event: StreamEvent) => string {
  const told: Told = { calls: 0, open: null, hasRefusal: false };
  const frame = {
    id: createId("resp").replace("resp_", "chatcmpl-"),
    object: "chat.completion.chunk",
    created: 0,
    model: body.model,
  };
  const choice = (delta: object, finish: string | null = null) => ({
    ...frame,
    choices: [{ index: 0, delta, finish_reason: finish }],
  });
  return (event) => {
    const delta = deltaOf(event, told, dialect);
    if (delta) return lineOf(choice(delta));
    if (event.type === "error" || event.type === "response.failed") return lineOf({ error: errorOf(event) });
    if (event.type !== "response.completed" && event.type !== "response.incomplete") return "";
    return endOf(event, told, { body, dialect, choice, frame });
  };
}

function lineOf(chunk: object): string {
  return `data: ${JSON.stringify(chunk)}\n\n`;
}

/** What an event adds to the message; null for nothing. */
function deltaOf(event: StreamEvent, told: Told, dialect: Dialect): object | null {
  const delta = String(event.delta ?? "");
  switch (event.type) {
    case "response.created":
      return { role: "assistant", content: "" };
    case "response.output_text.delta":
      return { content: dialect === "mistral" ? [{ type: "text", text: delta }] : delta };
    case "response.refusal.delta":
      return { refusal: delta };
    case "response.reasoning_summary_text.delta":
      return thinkingOf(delta, dialect);
    case "response.function_call_arguments.delta":
      return dialect === "gemini" ? null : { tool_calls: [{ index: told.calls - 1, function: { arguments: delta } }] };
    case "response.output_item.added":
      return beginCall(event.item as CallItem, told, dialect);
    case "response.output_item.done":
      return dialect === "gemini" ? wholeCall(event.item as CallItem) : null;
    default:
      return null;
  }
}

interface CallItem {
  type: string;
  call_id: string;
  name: string;
  arguments: string;
}

function thinkingOf(text: string, dialect: Dialect): object | null {
  if (dialect === "deepseek") return { reasoning_content: text };
  return dialect === "mistral" ? { content: [{ type: "thinking", thinking: [{ type: "text", text }] }] } : null;
}

function beginCall(item: CallItem, told: Told, dialect: Dialect): object | null {
  if (item.type !== "function_call") return null;
  told.calls += 1;
  if (dialect === "gemini") return null;
  const call = { id: item.call_id, type: "function", function: { name: item.name, arguments: "" } };
  return { tool_calls: [{ index: told.calls - 1, ...call }] };
}

/** Gemini tells each call in one piece, all with the index 0, and signs it. */
function wholeCall(item: CallItem): object | null {
  if (item.type !== "function_call") return null;
  const { arguments: written, call_id: id, name } = item;
  const signature = { extra_content: { google: { thought_signature: signatureOf(item) } } };
  return { tool_calls: [{ index: 0, id, type: "function", function: { name, arguments: written }, ...signature }] };
}

/** The signature of a call, by which it is known again. */
export function signatureOf({ arguments: written, name }: { name: string; arguments: string }): string {
  return Buffer.from(`signed ${name} ${written}`).toString("base64");
}

interface ResponseEnd {
  status: string;
  usage: { input_tokens: number; output_tokens: number; output_tokens_details: object; input_tokens_details: object };
  incomplete_details: { reason: string } | null;
}

function endOf(
  event: StreamEvent,
  told: Told,
  {
    body,
    dialect,
    choice,
    frame,
  }: { body: ChatRequestBody; dialect: Dialect; choice: (delta: object, finish: string) => object; frame: object },
): string {
  const { incomplete_details: details, usage } = event.response as ResponseEnd;
  const finish = choice({}, finishReason(details?.reason ?? null, told, dialect));
  const counts = { usage: usageOf(usage) };
  // Mistral counts in the last chunk, whether it is asked or not.
  const last = dialect === "mistral" ? [{ ...finish, ...counts }] : [finish];
  const asked = body.stream_options?.include_usage ? [{ ...frame, choices: [], ...counts }] : [];
  return `${[...last, ...asked].map(lineOf).join("")}data: [DONE]\n\n`;
}

function finishReason(cut: string | null, told: Told, dialect: Dialect): string {
  if (cut !== null) return cut === "max_output_tokens" ? "length" : cut;
  return told.calls > 0 && dialect !== "gemini" ? "tool_calls" : "stop";
}

export function usageOf(usage: ResponseEnd["usage"]): object {
  return {
    prompt_tokens: usage.input_tokens,
    completion_tokens: usage.output_tokens,
    total_tokens: usage.input_tokens + usage.output_tokens,
    prompt_tokens_details: usage.input_tokens_details,
    completion_tokens_details: usage.output_tokens_details,
  };
}

function errorOf(event: StreamEvent): object {
  const { error, code, message } = (event.response ?? event) as { error?: object; code?: string; message?: string };
  return { type: "server_error", param: null, ...(error ?? { code, message }) };
}
