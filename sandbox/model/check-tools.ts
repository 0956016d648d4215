/** What `tools` and `tool_choice` must look like. Function tools only: a hosted tool has nobody here to run it. */

import { invalidRequest, missingParameter, unsupportedValue } from "./api-refusal.ts";
import {
  isObject,
  needArray,
  needBoolean,
  needKnownKeys,
  needObject,
  needString,
  oneOf,
  orNull,
} from "./check-values.ts";
import { findStrictFault } from "./strict-schema.ts";

export function checkTools(value: unknown, param: string): void {
  needArray(value, param);
  for (const [index, tool] of value.entries()) checkTool(tool, `${param}[${index}]`);
}

/** `choice` must name a mode, or a function that `tools` has. */
export function checkToolChoice(choice: unknown, tools: unknown): void {
  if (choice === undefined || choice === null) return;
  if (typeof choice === "string") {
    oneOf(["none", "auto", "required"])(choice, "tool_choice");
    return;
  }
  needObject(choice, "tool_choice");
  if (choice.type !== "function") throw unsupportedValue("tool_choice.type", choice.type, ["function"]);
  needString(choice.name, "tool_choice.name");
  const known = Array.isArray(tools) && tools.some((tool) => isObject(tool) && tool.name === choice.name);
  if (!known) throw invalidRequest("Tool choice 'function' not found in 'tools' parameter.", "tool_choice");
}

function checkTool(tool: unknown, param: string): void {
  needObject(tool, param);
  if (tool.type === undefined) throw missingParameter(`${param}.type`);
  if (tool.type !== "function") throw unsupportedValue(`${param}.type`, tool.type, ["function"]);
  // A tool written for chat completions keeps its name under `function`.
  if (tool.name === undefined) throw missingParameter(`${param}.name`);
  needKnownKeys(tool, param, ["type", "name", "description", "parameters", "strict"]);
  checkName(tool.name, `${param}.name`);
  if (tool.description !== undefined) orNull(needString)(tool.description, `${param}.description`);
  if (tool.strict !== undefined) orNull(needBoolean)(tool.strict, `${param}.strict`);
  if (tool.parameters !== undefined) orNull(needObject)(tool.parameters, `${param}.parameters`);
  if (tool.strict === true) checkStrict(String(tool.name), tool.parameters, `${param}.parameters`);
}

/** Pattern and length by the published schema. */
const NAME_PATTERN = /^[a-zA-Z0-9_-]{1,128}$/;

function checkName(name: unknown, param: string): void {
  needString(name, param);
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
