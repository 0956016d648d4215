/** Tool calls that a model wrote as its whole text, without any markup: as JSON, or as in a program. */
import { isRecord } from "../json.ts";

/** Longer texts are answers. */
const MAX_CALL_CHARACTERS = 4_000;

/** Whether a text may be, or become, a call of one of these tools. It is not shown before that is known. */
export function mayBeWrittenCall(text: string, tools: readonly string[]): boolean {
  if (text.length > MAX_CALL_CHARACTERS) return false;
  if (/^\s*`{1,3}\w*\s*$/.test(text)) return true;
  const bare = withoutFence(text);
  if (bare === "") return false;
  if (/^\[?\s*(?:\{|$)/.test(bare)) return true;
  const begin = bare.replace(/^\[\s*/, "");
  return tools
    .flatMap((tool) => ["", "functions.", "print(", "print(functions."].map((before) => `${before}${tool}(`))
    .concat(LIST_OF_CALLS)
    .some((call) => call.startsWith(begin.slice(0, call.length)));
}

/** As Phi begins it. */
const LIST_OF_CALLS = "functools[";

/** Whether the whole text is a call of one of these tools. */
export function isWrittenCall(text: string, tools: readonly string[]): boolean {
  const bare = withoutFence(text);
  const program = /^\[?\s*(?:print\()?(?:functions\.)?(\w+)\s*\(/.exec(bare);
  if (program?.[1] && tools.includes(program[1])) return /\)\s*\]?\s*;?$/.test(bare);
  const value = parse(bare.startsWith(LIST_OF_CALLS) ? bare.slice(LIST_OF_CALLS.length - 1) : bare);
  const calls = Array.isArray(value) ? value : [value];
  return calls.length > 0 && calls.every((call) => isCall(call, tools));
}

function isCall(value: unknown, tools: readonly string[]): boolean {
  if (!isRecord(value)) return false;
  const call = isRecord(value.function) ? value.function : value;
  const name = call.name ?? call.tool ?? call.tool_name ?? call.function;
  return typeof name === "string" && tools.some((tool) => name === tool || name === `functions.${tool}`);
}

function withoutFence(text: string): string {
  return text
    .trim()
    .replace(/^```\w*\s*(?=\S)/, "")
    .replace(/\s*```$/, "");
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return null;
  }
}
