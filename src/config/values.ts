/**
 * From the environment and a `.env` file to the value of each variable, whatever wrote them.
 *
 * Shells, Docker and systemd read such files in different ways: with quotes or without, with comments or without. What has one
 * meaning only is taken. For anything else there is a sentence.
 */
import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import { StartupError } from "../errors.ts";
import type { Variables } from "./conflicts.ts";

export type Fault = [variable: string, message: string];

export interface Values {
  readonly variables: Variables;
  readonly faults: readonly Fault[];
}

/** The environment's variables, trimmed, and without those that are empty. A pair of quotes around a value is Docker's. */
export function readEnvironment(env: Variables, known: readonly string[]): Values {
  const variables = withoutEmpty(env, (value) => value.replace(/^(["'])(.*)\1$/s, "$2").trim());
  const faults = known.filter((name) => name !== "SHOP_NAME" && /\s#(\s|$)/.test(variables[name] ?? ""));
  return { variables, faults: faults.map((name) => [name, COMMENT]) };
}

/** The variables of a file; none when there is no file. @throws {StartupError} when it cannot be read. */
export function readEnvFile(path: string, known: readonly string[]): Values {
  const text = readText(path);
  const variables = withoutEmpty(parseEnv(text), (value) => value.trim());
  const cut = new Set([...text.matchAll(CUT_VALUE)].map(([, name]) => name));
  const faults = known.flatMap((name): Fault[] => {
    if (cut.has(name)) return [[name, HASH]];
    return variables[name]?.includes("\n") ? [[name, LINE_BREAK]] : [];
  });
  return { variables, faults };
}

/** A sentence for a value that a shell or Docker Compose would have replaced. */
export function findUnreplaced(variables: Variables, known: readonly string[]): Fault[] {
  return known.filter((name) => /\$\{\w+\}/.test(variables[name] ?? "")).map((name) => [name, UNREPLACED]);
}

const COMMENT = "has a comment after its value, which is a part of the value here: give the comment a line of its own";
const HASH = 'has a "#", where .env begins a comment: put the value in quotes, or a space before the comment';
const LINE_BREAK = "has a line break in .env: close the quote at the end of its line";
const UNREPLACED = "has the name of a variable in braces after a $, which is not replaced here: write the value itself";

/** A line whose value has no quotes, and a "#" directly after another character: Node cuts the value there. */
const CUT_VALUE = /^[ \t]*(?:export[ \t]+)?(\w+)[ \t]*=[ \t]*[^\s"'`#][^#\r\n]*(?<=\S)#/gm;

/** Windows writes a byte order mark, and its PowerShell UTF-16. */
function readText(path: string): string {
  try {
    const bytes = readFileSync(path);
    const isUtf16 = bytes[0] === 0xff && bytes[1] === 0xfe;
    return new TextDecoder(isUtf16 ? "utf-16le" : "utf-8").decode(bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw new StartupError(`Cannot read ${path}: ${(error as Error).message}`);
  }
}

function withoutEmpty(variables: Variables, clean: (value: string) => string): Variables {
  const cleaned = Object.entries(variables).map(([name, value = ""]) => [name, clean(value.trim())] as const);
  return Object.fromEntries(cleaned.filter(([, value]) => value));
}
