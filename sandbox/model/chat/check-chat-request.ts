/** Checks a request of Chat Completions and refuses what OpenAI refuses. */
import { invalidRequest, missingParameter, unknownParameter, unsupportedValue } from "../api-refusal.ts";
import {
  assertArray,
  assertBoolean,
  assertKnownKeys,
  assertObject,
  assertString,
  integerBetween,
  isObject,
  type JsonObject,
  numberBetween,
  oneOf,
  orNull,
  stringUpTo,
  type ValueCheck,
} from "../check-values.ts";
import { findStrictFault } from "../strict-schema.ts";

export interface ChatTool {
  readonly type: "function";
  readonly function: {
    readonly name: string;
    readonly description?: string;
    readonly parameters?: JsonObject;
    readonly strict?: boolean | null;
  };
}

export interface ChatCall extends JsonObject {
  readonly id: string;
  readonly type: "function";
  readonly function: { readonly name: string; readonly arguments: string };
}

export interface ChatMessage extends JsonObject {
  readonly role: "system" | "developer" | "user" | "assistant" | "tool";
  readonly content?: unknown;
  readonly tool_calls?: readonly ChatCall[];
  readonly tool_call_id?: string;
}

export interface ChatRequestBody extends JsonObject {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly ChatTool[];
  readonly stream?: boolean | null;
  readonly stream_options?: { readonly include_usage?: boolean } | null;
  readonly max_tokens?: number | null;
  readonly max_completion_tokens?: number | null;
}

const PARAMETERS: Readonly<Record<string, ValueCheck>> = {
  model: assertString,
  messages: checkMessages,
  tools: checkTools,
  tool_choice: orNull(checkToolChoice),
  parallel_tool_calls: assertBoolean,
  stream: orNull(assertBoolean),
  stream_options: orNull(checkStreamOptions),
  max_tokens: orNull(integerBetween(1, Number.MAX_SAFE_INTEGER)),
  max_completion_tokens: orNull(integerBetween(1, Number.MAX_SAFE_INTEGER)),
  temperature: orNull(numberBetween(0, 2)),
  top_p: orNull(numberBetween(0, 1)),
  n: oneOfOne,
  store: orNull(assertBoolean),
  prompt_cache_key: stringUpTo(64),
  safety_identifier: stringUpTo(64),
  reasoning_effort: oneOf(["none", "minimal", "low", "medium", "high", "xhigh", "max"]),
};

/** Returns if OpenAI would accept the body; otherwise throws `ApiRefusal` for the first violation. */
export function checkChatRequest(body: unknown): asserts body is ChatRequestBody {
  assertObject(body, "body");
  const stray = Object.keys(body).find((name) => !Object.hasOwn(PARAMETERS, name));
  if (stray !== undefined) throw unknownParameter(stray);
  if (!body.model) throw missingParameter("model");
  if (body.messages === undefined) throw missingParameter("messages");
  for (const [name, value] of Object.entries(body)) PARAMETERS[name]?.(value, name);
  if (body.stream_options && body.stream !== true) {
    throw invalidRequest("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options");
  }
  if (body.max_tokens !== undefined && body.max_completion_tokens !== undefined) {
    throw invalidRequest(
      "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
      "max_tokens",
    );
  }
  if (body.tool_choice !== undefined && body.tools === undefined) {
    throw invalidRequest("'tool_choice' is only allowed when 'tools' are specified.", "tool_choice");
  }
}

function oneOfOne(value: unknown, param: string): void {
  if (value !== 1) throw unsupportedValue(param, value, ["1"]);
}

function checkStreamOptions(value: unknown, param: string): void {
  assertObject(value, param);
  assertKnownKeys(value, param, ["include_usage"]);
}

function checkToolChoice(value: unknown, param: string): void {
  if (typeof value === "string") oneOf(["none", "auto", "required"])(value, param);
  else assertObject(value, param);
}

function checkTools(value: unknown, param: string): void {
  assertArray(value, param);
  if (value.length === 0) {
    throw invalidRequest(
      `Invalid '${param}': empty array. Expected an array with minimum length 1, but got an empty array instead.`,
      param,
      "empty_array",
    );
  }
  for (const [index, tool] of value.entries()) checkTool(tool, `${param}[${index}]`);
}

function checkTool(tool: unknown, param: string): void {
  assertObject(tool, param);
  if (tool.type !== "function") throw unsupportedValue(`${param}.type`, tool.type, ["function"]);
  // A tool in the Responses format has its name beside its type.
  if (tool.function === undefined) throw missingParameter(`${param}.function`);
  assertKnownKeys(tool, param, ["type", "function"]);
  const { function: described } = tool;
  assertObject(described, `${param}.function`);
  assertKnownKeys(described, `${param}.function`, ["name", "description", "parameters", "strict"]);
  checkName(described.name, `${param}.function.name`);
  const fault = described.strict === true ? findStrictFault(described.parameters) : null;
  if (fault === null) return;
  const message = `Invalid schema for function '${described.name}': ${fault}`;
  throw invalidRequest(message, `${param}.function.parameters`, "invalid_function_parameters");
}

function checkName(name: unknown, param: string): void {
  assertString(name, param);
  if (/^[a-zA-Z0-9_-]{1,64}$/.test(name)) return;
  throw invalidRequest(
    `Invalid '${param}': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.`,
    param,
    "invalid_value",
  );
}

const MESSAGE_KEYS: Readonly<Record<string, readonly string[]>> = {
  system: ["role", "content", "name"],
  developer: ["role", "content", "name"],
  user: ["role", "content", "name"],
  // The last three are of other servers, which OpenAI's accepts and ignores.
  assistant: ["role", "content", "refusal", "name", "tool_calls", "reasoning_content", "reasoning", "extra_content"],
  tool: ["role", "content", "tool_call_id"],
};

function checkMessages(value: unknown, param: string): void {
  assertArray(value, param);
  if (value.length === 0) {
    throw invalidRequest(
      `Invalid '${param}': empty array. Expected an array with minimum length 1.`,
      param,
      "empty_array",
    );
  }
  for (const [index, message] of value.entries()) checkMessage(message, `${param}[${index}]`);
  checkOrder(value as readonly ChatMessage[]);
}

function checkMessage(message: unknown, param: string): void {
  assertObject(message, param);
  const known = MESSAGE_KEYS[String(message.role)];
  if (!known) throw unsupportedValue(`${param}.role`, message.role, Object.keys(MESSAGE_KEYS));
  assertKnownKeys(message, param, known);
  const { content, tool_calls: calls } = message;
  if (calls !== undefined) checkCalls(calls, `${param}.tool_calls`);
  if (content === null || content === undefined) {
    if (message.role === "assistant" && calls !== undefined) return;
    throw invalidRequest(`Invalid value for 'content': expected a string, got null.`, `${param}.content`);
  }
  if (typeof content !== "string" && !Array.isArray(content)) assertString(content, `${param}.content`);
  if (message.role === "tool") assertString(message.tool_call_id, `${param}.tool_call_id`);
}

function checkCalls(calls: unknown, param: string): void {
  assertArray(calls, param);
  if (calls.length === 0) throw invalidRequest(`Invalid '${param}': empty array.`, param, "empty_array");
  for (const [index, call] of calls.entries()) {
    assertObject(call, `${param}[${index}]`);
    stringUpTo(40)(call.id, `${param}[${index}].id`);
    assertObject(call.function, `${param}[${index}].function`);
    checkName(call.function.name, `${param}[${index}].function.name`);
    assertString(call.function.arguments, `${param}[${index}].function.arguments`);
    if (!isObject(tryParse(call.function.arguments))) {
      throw invalidRequest(`Invalid '${param}[${index}].function.arguments': not a JSON object.`, param);
    }
  }
}

/** Each call needs one message of a tool, directly after the calls. */
function checkOrder(messages: readonly ChatMessage[]): void {
  let open = new Set<string>();
  for (const [index, message] of messages.entries()) {
    if (message.role === "tool") {
      if (!open.delete(message.tool_call_id ?? "")) {
        throw invalidRequest(
          "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
          `messages.[${index}].role`,
        );
      }
      continue;
    }
    assertAnswered(open, index);
    open = new Set(message.tool_calls?.map(({ id }) => id));
    if (open.size !== (message.tool_calls?.length ?? 0)) throw invalidRequest("Duplicate tool call ids.", "messages");
  }
  assertAnswered(open, messages.length);
}

function assertAnswered(open: ReadonlySet<string>, index: number): void {
  if (open.size === 0) return;
  throw invalidRequest(
    `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${[...open].join(", ")}`,
    `messages.[${index}].role`,
  );
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
