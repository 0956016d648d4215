/**
 * Checks a request body and refuses what OpenAI refuses.
 *
 * Owns the list of top-level parameters (OpenAI's OpenAPI document of 21 August 2026). Items and tools are checked in files
 * of their own.
 */

import { invalidRequest, missingParameter, unknownParameter, unsupportedValue, wrongType } from "./api-refusal.ts";
import { checkConversation } from "./check-conversation.ts";
import { checkInput } from "./check-input.ts";
import { checkToolChoice, checkTools } from "./check-tools.ts";
import {
  assertArray,
  assertBoolean,
  assertKnownKeys,
  assertObject,
  assertString,
  integerBetween,
  isObject,
  numberBetween,
  oneOf,
  orNull,
  stringUpTo,
  type ValueCheck,
} from "./check-values.ts";
import type { ModelRequestBody } from "./turn.ts";

/** Parses a request body as JSON. Throws `ApiRefusal` for invalid JSON or ill-formed Unicode. */
export function parseBody(bytes: Uint8Array): unknown {
  const value = tryParse(bytes);
  if (value !== undefined && isWellFormed(value)) return value;
  throw invalidRequest(
    "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library correctly. The OpenAI API expects a JSON payload.)",
    null,
  );
}

/** Returns if OpenAI would accept the body; otherwise throws `ApiRefusal` for the first violation. */
export function checkRequest(body: unknown): asserts body is ModelRequestBody {
  assertObject(body, "body");
  for (const name of Object.keys(body)) assertKnownParameter(name);
  if (body.model === undefined) throw missingParameter("model");
  if (body.input === undefined) throw missingInput();
  for (const [name, value] of Object.entries(body)) PARAMETERS[name]?.(value, name);
  checkToolChoice(body.tool_choice, body.tools);
  if (Array.isArray(body.input)) checkConversation(body.input, body.store !== false);
}

function tryParse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    // A SyntaxError means invalid JSON, a TypeError invalid UTF-8. Any other error is a bug here.
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}

/** False for a lone surrogate in any string or key: valid JSON, but OpenAI refuses it. */
function isWellFormed(value: unknown): boolean {
  if (typeof value === "string") return value.isWellFormed();
  if (Array.isArray(value)) return value.every(isWellFormed);
  if (isObject(value)) return Object.entries(value).every(([key, each]) => key.isWellFormed() && isWellFormed(each));
  return true;
}

/** OpenAI still accepts these, but new code must not send them. */
const DEPRECATED: readonly string[] = ["user", "truncation", "prompt_cache_retention"];

/** Real parameters that need state on the server, which the stand-in does not keep, or that this product never sends. */
const NOT_SUPPORTED: readonly string[] = ["background", "conversation", "context_management", "moderation", "prompt"];

function assertKnownParameter(name: string): void {
  if (DEPRECATED.includes(name)) {
    throw invalidRequest(`The stand-in refuses '${name}': it is deprecated.`, name, "deprecated_parameter");
  }
  if (NOT_SUPPORTED.includes(name)) {
    throw invalidRequest(`The stand-in does not support '${name}'.`, name, "unsupported_parameter");
  }
  if (!Object.hasOwn(PARAMETERS, name)) throw unknownParameter(name);
}

function missingInput(): Error {
  return invalidRequest(
    "One of 'input' or 'previous_response_id' or 'prompt' or 'conversation_id' must be provided.",
    "input",
    "missing_required_parameter",
  );
}

const INCLUDABLE: readonly string[] = [
  "file_search_call.results",
  "web_search_call.results",
  "web_search_call.action.sources",
  "message.input_image.image_url",
  "computer_call_output.output.image_url",
  "code_interpreter_call.outputs",
  "reasoning.encrypted_content",
  "message.output_text.logprobs",
];

const EFFORTS: readonly string[] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];
const SUMMARIES: readonly string[] = ["auto", "concise", "detailed"];

/** Smallest `max_output_tokens` that OpenAI accepts. */
const MINIMUM_OUTPUT_TOKENS = 16;

const PARAMETERS: Readonly<Record<string, ValueCheck>> = {
  model: checkModel,
  input: checkInput,
  instructions: orNull(assertString),
  stream: orNull(assertBoolean),
  stream_options: orNull(objectOf({ include_obfuscation: assertBoolean })),
  store: orNull(assertBoolean),
  include: orNull(checkInclude),
  tools: orNull(checkTools),
  // Checked together with `tools`: see `checkToolChoice`.
  tool_choice: () => undefined,
  parallel_tool_calls: orNull(assertBoolean),
  max_output_tokens: orNull(integerBetween(MINIMUM_OUTPUT_TOKENS, Number.MAX_SAFE_INTEGER)),
  max_tool_calls: orNull(integerBetween(1, Number.MAX_SAFE_INTEGER)),
  metadata: orNull(checkMetadata),
  temperature: orNull(numberBetween(0, 2)),
  top_p: orNull(numberBetween(0, 1)),
  top_logprobs: orNull(integerBetween(0, 20)),
  safety_identifier: orNull(stringUpTo(64)),
  prompt_cache_key: orNull(stringUpTo(64)),
  prompt_cache_options: objectOf({ ttl: assertString, mode: assertString }),
  previous_response_id: orNull(refusePreviousResponse),
  reasoning: orNull(
    objectOf({
      mode: assertString,
      effort: orNull(oneOf(EFFORTS)),
      summary: orNull(oneOf(SUMMARIES)),
      context: orNull(oneOf(["auto", "current_turn", "all_turns"])),
    }),
  ),
  text: objectOf({ format: assertObject, verbosity: orNull(oneOf(["low", "medium", "high"])) }),
  service_tier: orNull(oneOf(["auto", "default", "fast", "flex", "priority"])),
};

function objectOf(checks: Readonly<Record<string, ValueCheck>>): ValueCheck {
  return (value, param) => {
    assertObject(value, param);
    assertKnownKeys(value, param, Object.keys(checks));
    for (const [key, each] of Object.entries(value)) checks[key]?.(each, `${param}.${key}`);
  };
}

function checkModel(value: unknown, param: string): void {
  assertString(value, param);
  if (value === "") throw missingParameter(param);
}

function checkInclude(value: unknown, param: string): void {
  assertArray(value, param);
  for (const [index, each] of value.entries()) {
    if (typeof each !== "string") throw wrongType(`${param}[${index}]`, "a string", each);
    if (!INCLUDABLE.includes(each)) throw unsupportedValue(`${param}[${index}]`, each, INCLUDABLE);
  }
}

function checkMetadata(value: unknown, param: string): void {
  assertObject(value, param);
  for (const [key, each] of Object.entries(value)) stringUpTo(512)(each, `${param}.${key}`);
}

function refusePreviousResponse(value: unknown, param: string): void {
  throw invalidRequest(`Previous response with id '${String(value)}' not found.`, param, "previous_response_not_found");
}
