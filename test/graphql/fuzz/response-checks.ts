/** Checks that hold for every response, whatever the request. */
import { COST_LIMITS } from "../../../src/graphql/guards/limits.ts";
import { MAX_PAGE_SIZE } from "../../../src/graphql/lists/page.ts";
import type { FuzzRequest } from "./requests.ts";

export interface Answer {
  readonly status: number;
  readonly text: string;
  /** Number of SQL statements. */
  readonly statements: number;
}

/** Statements besides one per field: the token lookup, recording its use, and three of a mutation. */
const OTHER_STATEMENTS = 5;

/** Stack traces, paths and SQL. No request contains any of these. */
const LEAKS =
  /\\n\s+at |node_modules|\/src\/|\.[jt]s:\d|file:\/\/|Failed query|\b(select|insert into|update|delete from) \\?"/;

/** What is wrong with a response; empty if nothing is. */
export function findFaults(request: FuzzRequest, { status, text, statements }: Answer): string[] {
  const faults: string[] = [];
  if (status >= 500) faults.push(`status ${status}`);
  if (LEAKS.test(text)) faults.push("internals leaked");
  if (request.fields !== null && statements > request.fields + OTHER_STATEMENTS) {
    faults.push(`${statements} statements for ${request.fields} fields`);
  }
  return [...faults, ...findFaultsOfBody(text)];
}

function findFaultsOfBody(text: string): string[] {
  const body = parse(text);
  if (typeof body !== "object" || body === null) return ["no JSON object"];
  const { data, errors } = body as { data?: unknown; errors?: unknown };
  const faults = findFaultsOfErrors(errors);
  if (data === undefined && errors === undefined) faults.push("neither data nor errors");
  const size = { values: 0, longest: 0 };
  if (!/"__(schema|type)"/.test(text)) measure(data, size);
  if (size.values > COST_LIMITS.complexity) faults.push(`${size.values} values`);
  if (size.longest > MAX_PAGE_SIZE) faults.push(`a list of ${size.longest}`);
  return faults;
}

function findFaultsOfErrors(errors: unknown): string[] {
  if (errors === undefined) return [];
  if (!Array.isArray(errors) || errors.length === 0) return ["errors that are no list"];
  return errors.flatMap((error) => {
    const code: unknown = error?.extensions?.code;
    if (typeof code !== "string" || code === "" || typeof error.message !== "string")
      return ["an error without a code"];
    return code === "INTERNAL_SERVER_ERROR" || code === "TIMEOUT" ? [`an error ${code}: ${error.message}`] : [];
  });
}

function measure(value: unknown, size: { values: number; longest: number }): void {
  if (Array.isArray(value)) size.longest = Math.max(size.longest, value.length);
  size.values += 1;
  if (typeof value === "object" && value !== null) for (const inner of Object.values(value)) measure(inner, size);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
