/** The scalar for exact amounts, such as US dollars. */
import { BadInputError } from "../../errors.ts";
import { builder } from "../builder.ts";

/** Far larger than any amount in use, and far smaller than what PostgreSQL accepts. */
const DECIMAL = /^-?\d{1,15}(\.\d{1,15})?$/;

builder.scalarType("Decimal", {
  description:
    'An exact decimal number as a string, such as `"0.000123"`. Inputs may also be numbers. At most 15 digits before and 15 after the decimal point.',
  parseValue: parseDecimal,
  serialize: (value) => value,
});

/** @throws {BadInputError} for anything else than a decimal of this size. */
export function parseDecimal(value: unknown): string {
  const text = typeof value === "number" ? plain(value) : value;
  if (typeof text === "string" && DECIMAL.test(text)) return text;
  throw new BadInputError('A Decimal must be written as "0.05", with at most 15 digits before and 15 after the point');
}

/** An amount to compare costs with. `argument`: the argument's name, for the error message. */
export function parseCost(usd: string | null | undefined, argument: string): string | undefined {
  if (usd?.startsWith("-")) throw new BadInputError(`'${argument}' must be 0 or more`);
  return usd ?? undefined;
}

/** Without an exponent: JavaScript writes small numbers as `1.5e-7`. */
function plain(value: number): string {
  const [digits = "", exponent] = String(Math.abs(value)).split("e-");
  const zeros = exponent === undefined ? "" : `0.${"0".repeat(Number(exponent) - 1)}`;
  return (value < 0 ? "-" : "") + zeros + (zeros ? digits.replace(".", "") : digits);
}
