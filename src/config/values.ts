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
  const read = parseEnv(text);
  const variables = withoutEmpty(read, (value) => value.trim());
  const namesIn = (pattern: RegExp) => new Set([...text.matchAll(pattern)].map(([, name]) => name));
  const [cut, quoted] = [namesIn(CUT_VALUE), namesIn(CUT_QUOTE)];
  const mentioned = new Set(Object.keys(read).map((key) => OTHER_KEY.exec(key)?.[1]));
  // In a value of several lines, a line is no assignment.
  const hasLines = Object.values(read).some((value) => value?.includes("\n"));
  if (!hasLines) for (const name of namesIn(COLON)) mentioned.add(name);
  const faults = known.flatMap((name): Fault[] => {
    if (cut.has(name)) return [[name, HASH]];
    if (quoted.has(name)) return [[name, AFTER_QUOTE]];
    if (mentioned.has(name) && !(name in read)) return [[name, FORM]];
    return variables[name]?.includes("\n") ? [[name, LINE_BREAK]] : [];
  });
  return { variables, faults };
}

/** A sentence for a value that a shell or Docker Compose would have replaced. */
export function findUnreplaced(variables: Variables, known: readonly string[]): Fault[] {
  return known.filter((name) => REPLACED_ELSEWHERE.test(variables[name] ?? "")).map((name) => [name, UNREPLACED]);
}

const COMMENT = "has a comment after its value, which is a part of the value here: give the comment a line of its own";
const HASH = 'has a "#", where .env begins a comment: put the value in quotes, or a space before the comment';
const LINE_BREAK = "has a line break in .env: close the quote at the end of its line";
const AFTER_QUOTE =
  "has something after its closing quote in .env, which is lost: put the whole value between the other kind of quotes";
const FORM = "is written in another form in .env: write it at the beginning of a line, as NAME=value";
const UNREPLACED =
  "has the name of a variable or a command, as after a $, which is not replaced here: write the value itself";

/** `${NAME}`, `${NAME:-default}`, `$(NAME)`, `$(command)`, and `%NAME%` of Windows at the beginning. */
const REPLACED_ELSEWHERE = /\$\{\w+[^{}]*\}|\$\([^()]+\)|^%[\w()]+%/;

/** A line whose value has no quotes, and a "#" directly after another character: Node cuts the value there. */
const CUT_VALUE = /^[ \t]*(?:export[ \t]+)?(\w+)[ \t]*=[ \t]*[^\s"'`#][^#\r\n]*(?<=\S)#/gm;

/** A line that goes on after the quote that closes its value, and not with a comment. */
const CUT_QUOTE = /^[ \t]*(?:export[ \t]+)?(\w+)[ \t]*=[ \t]*(["'`])(?:(?!\2)[^\r\n])*\2[ \t]*[^\s#]/gm;

/** What Node takes for a name in another form: `set PORT`, `$env:PORT`, `declare -x PORT`, `"PORT"`. `app.PORT` is another name. */
const OTHER_KEY = /(?:^|[^\w.-])(\w+)[^\w.-]*$/;

/** A name at the beginning of a line of YAML or JSON: `PORT: 5000`, `"PORT": "5000",`. */
const COLON = /^[^\w#"'$]*["']?(\w+)["']?\s*:/gm;

/** Windows writes a byte order mark, and its PowerShell UTF-16. */
function readText(path: string): string {
  try {
    const bytes = readFileSync(path);
    const mark = bytes.subarray(0, 2).toString("hex");
    const encoding = mark === "fffe" ? "utf-16le" : mark === "feff" ? "utf-16be" : "utf-8";
    const text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
    if (text.includes("\0")) throw new TypeError("zero bytes");
    return text;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    if (error instanceof TypeError) throw new StartupError(`${path} is not in UTF-8: save it with that encoding.`);
    throw new StartupError(`Cannot read ${path}: ${(error as Error).message}`);
  }
}

function withoutEmpty(variables: Variables, clean: (value: string) => string): Variables {
  const cleaned = Object.entries(variables).map(([name, value = ""]) => [name, clean(value.trim())] as const);
  return Object.fromEntries(cleaned.filter(([, value]) => value));
}
