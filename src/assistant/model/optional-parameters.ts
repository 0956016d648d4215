/**
 * Parameters that a server may refuse. Servers differ in what they know besides model, input and tools: one that refuses a
 * parameter by its name is asked again without it, and from then on is not sent it any more.
 */
import { APIError } from "openai";
import { recordOf } from "./json.ts";

/** A parameter that an answer can do without: how an error names it. */
export interface OptionalParameter<Name extends string> {
  readonly name: Name;
  readonly words: RegExp;
}

/**
 * Makes requests with as many of the parameters as the server takes.
 *
 * `send` gets the names of the parameters to leave out. @throws what `send` throws for any other cause.
 */
export function createOptionalParameters<Name extends string>(parameters: readonly OptionalParameter<Name>[]) {
  const refused = new Set<Name>();
  return async <Result>(send: (without: ReadonlySet<Name>) => Promise<Result>): Promise<Result> => {
    const without = new Set(refused);
    for (;;) {
      try {
        const result = await send(without);
        for (const name of without) refused.add(name);
        return result;
      } catch (error) {
        const named = parameters.filter(({ name, words }) => !without.has(name) && isRefused(error, words));
        if (named.length === 0) throw error;
        for (const { name } of named) without.add(name);
      }
    }
  };
}

function isRefused(error: unknown, words: RegExp): boolean {
  if (!(error instanceof APIError) || (error.status !== 400 && error.status !== 422)) return false;
  const { param, message } = recordOf(error.error);
  return [param, message].some((text) => typeof text === "string" && words.test(text));
}
