/**
 * Checks each item of `input` on its own. `check-conversation.ts` checks how the items fit together.
 *
 * Supports the items of a conversation with function tools: messages, calls, outputs and reasoning.
 */

import { ApiRefusal, invalidRequest, missingParameter, unsupportedValue, wrongType } from "./api-refusal.ts";
import {
  assertArray,
  assertKnownKeys,
  assertObject,
  assertString,
  type JsonObject,
  oneOf,
  orNull,
  stringUpTo,
  type ValueCheck,
} from "./check-values.ts";

/** Checks `input`: a text or a non-empty list of items. */
export function checkInput(value: unknown, param: string): void {
  if (typeof value === "string") return;
  if (!Array.isArray(value)) throw wrongType(param, "one of a string or an array of input items", value);
  if (value.length === 0) throw invalidRequest("'input' must not be empty.", param, "missing_required_parameter");
  for (const [index, item] of value.entries()) checkItem(item, `${param}[${index}]`);
}

function checkItem(item: unknown, param: string): void {
  assertObject(item, param);
  const type = item.type ?? ("role" in item ? "message" : undefined);
  if (type === undefined) throw missingParameter(`${param}.type`);
  if (type === "item_reference") throw notStored(item.id);
  const check = typeof type === "string" && Object.hasOwn(ITEM_CHECKS, type) ? ITEM_CHECKS[type] : undefined;
  if (check === undefined) throw unsupportedValue(param, type, Object.keys(ITEM_CHECKS));
  check(item, param);
}

function notStored(id: unknown): ApiRefusal {
  const message = `Item with id '${String(id)}' not found.`;
  return new ApiRefusal(404, { message, type: "invalid_request_error", param: "input", code: null });
}

const ITEM_CHECKS: Readonly<Record<string, (item: JsonObject, param: string) => void>> = {
  message: checkMessage,
  function_call: checkFunctionCall,
  function_call_output: checkFunctionCallOutput,
  reasoning: checkReasoning,
};

const STATUSES: readonly string[] = ["in_progress", "completed", "incomplete"];
const ROLES: readonly string[] = ["assistant", "system", "developer", "user"];

function checkMessage(item: JsonObject, param: string): void {
  assertKnownKeys(item, param, ["type", "role", "content", "phase", "id", "status"]);
  checkRequired(item, param, { role: oneOf(ROLES) });
  checkOptional(item, param, {
    id: idWith("msg"),
    status: oneOf(STATUSES),
    phase: orNull(oneOf(["commentary", "final_answer"])),
  });
  if (item.phase != null && item.role !== "assistant") {
    throw invalidRequest("'phase' is only for assistant messages.", `${param}.phase`, "invalid_value");
  }
  const kinds = item.role === "assistant" ? OUTPUT_CONTENT : INPUT_CONTENT;
  checkRequired(item, param, { content: (value, path) => checkContent(value, path, kinds) });
}

/** Content parts by type, with the field that holds their text, if any. */
const OUTPUT_CONTENT: Readonly<Record<string, string | null>> = { output_text: "text", refusal: "refusal" };
const INPUT_CONTENT: Readonly<Record<string, string | null>> = {
  input_text: "text",
  input_image: null,
  input_file: null,
};

function checkContent(value: unknown, param: string, kinds: Readonly<Record<string, string | null>>): void {
  if (typeof value === "string") return;
  if (!Array.isArray(value)) throw wrongType(param, "one of a string or an array of content parts", value);
  for (const [index, part] of value.entries()) {
    const path = `${param}[${index}]`;
    assertObject(part, path);
    const kind = part.type;
    if (typeof kind !== "string" || !Object.hasOwn(kinds, kind)) throw unsupportedValue(path, kind, Object.keys(kinds));
    const textField = kinds[kind];
    if (textField) checkRequired(part, path, { [textField]: assertString });
  }
}

/** Maximum length of `call_id` in the published schema. */
const CALL_ID_LIMIT = 64;

function checkFunctionCall(item: JsonObject, param: string): void {
  assertKnownKeys(item, param, ["type", "id", "call_id", "name", "arguments", "status"]);
  checkRequired(item, param, { call_id: callId, name: assertString, arguments: assertString });
  checkOptional(item, param, { id: idWith("fc"), status: oneOf(STATUSES) });
}

function checkFunctionCallOutput(item: JsonObject, param: string): void {
  assertKnownKeys(item, param, ["type", "id", "call_id", "output", "status"]);
  checkRequired(item, param, { call_id: callId, output: (value, path) => checkContent(value, path, INPUT_CONTENT) });
  checkOptional(item, param, { id: orNull(idWith("fc")), status: orNull(oneOf(STATUSES)) });
}

function checkReasoning(item: JsonObject, param: string): void {
  assertKnownKeys(item, param, ["type", "id", "summary", "content", "encrypted_content", "status"]);
  checkRequired(item, param, { id: idWith("rs"), summary: assertArray });
  checkOptional(item, param, {
    content: assertArray,
    encrypted_content: orNull(assertString),
    status: orNull(oneOf(STATUSES)),
  });
}

function callId(value: unknown, param: string): void {
  stringUpTo(CALL_ID_LIMIT)(value, param);
  if (value === "") {
    throw invalidRequest(`Invalid '${param}': empty string.`, param, "empty_string");
  }
}

function idWith(prefix: string): ValueCheck {
  return (value, param) => {
    assertString(value, param);
    if (value.startsWith(prefix)) return;
    throw invalidRequest(
      `Invalid '${param}': '${value}'. Expected an ID that begins with '${prefix}'.`,
      param,
      "invalid_value",
    );
  };
}

/** Each key must be present and valid. */
function checkRequired(item: JsonObject, param: string, checks: Readonly<Record<string, ValueCheck>>): void {
  for (const key of Object.keys(checks)) if (item[key] === undefined) throw missingParameter(`${param}.${key}`);
  checkOptional(item, param, checks);
}

/** Each key that is present must be valid. */
function checkOptional(item: JsonObject, param: string, checks: Readonly<Record<string, ValueCheck>>): void {
  for (const [key, check] of Object.entries(checks)) if (item[key] !== undefined) check(item[key], `${param}.${key}`);
}
