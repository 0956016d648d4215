/** Checks `tools` and `tool_choice`. Function tools only: the stand-in cannot run hosted tools. */

import { invalidRequest, missingParameter, unsupportedValue } from "./api-refusal.ts";
import {
  assertArray,
  assertBoolean,
  assertKnownKeys,
  assertObject,
  assertString,
  isObject,
  oneOf,
  orNull,
} from "./check-values.ts";
import { findStrictFault } from "./strict-schema.ts";

export function checkTools(value: unknown, param: string): void {
  assertArray(value, param);
  for (const [index, tool] of value.entries()) checkTool(tool, `${param}[${index}]`);
}

/** `choice` must be a mode or name a function in `tools`. */
export function checkToolChoice(choice: unknown, tools: unknown): void {
  if (choice === undefined || choice === null) return;
  if (typeof choice === "string") {
    oneOf(["none", "auto", "required"])(choice, "tool_choice");
    return;
  }
  assertObject(choice, "tool_choice");
  if (choice.type !== "function") throw unsupportedValue("tool_choice.type", choice.type, ["function"]);
  assertString(choice.name, "tool_choice.name");
  const known = Array.isArray(tools) && tools.some((tool) => isObject(tool) && tool.name === choice.name);
  if (!known) throw invalidRequest("Tool choice 'function' not found in 'tools' parameter.", "tool_choice");
}

function checkTool(tool: unknown, param: string): void {
  assertObject(tool, param);
  if (tool.type === undefined) throw missingParameter(`${param}.type`);
  if (tool.type !== "function") throw unsupportedValue(`${param}.type`, tool.type, ["function"]);
  // A tool in the Chat Completions format has its name under `function`, so `name` is missing here.
  if (tool.name === undefined) throw missingParameter(`${param}.name`);
  assertKnownKeys(tool, param, ["type", "name", "description", "parameters", "strict"]);
  checkName(tool.name, `${param}.name`);
  if (tool.description !== undefined) orNull(assertString)(tool.description, `${param}.description`);
  if (tool.strict !== undefined) orNull(assertBoolean)(tool.strict, `${param}.strict`);
  if (tool.parameters !== undefined) orNull(assertObject)(tool.parameters, `${param}.parameters`);
  if (tool.strict === true) checkStrict(String(tool.name), tool.parameters, `${param}.parameters`);
}

/** Pattern and length from the published schema. */
const NAME_PATTERN = /^[a-zA-Z0-9_-]{1,128}$/;

function checkName(name: unknown, param: string): void {
  assertString(name, param);
  if (NAME_PATTERN.test(name)) return;
  throw invalidRequest(
    `Invalid '${param}': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.`,
    param,
    "invalid_value",
  );
}

function checkStrict(name: string, schema: unknown, param: string): void {
  const fault = findStrictFault(schema);
  if (fault === null) return;
  throw invalidRequest(`Invalid schema for function '${name}': ${fault}`, param, "invalid_function_parameters");
}
