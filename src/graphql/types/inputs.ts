/** Inputs that several lists share. */
import { BadInputError } from "../../errors.ts";
import { builder } from "../builder.ts";

export const OrderDirection = builder.enumType("OrderDirection", {
  description: "The direction of an order.",
  values: {
    ASC: { value: "ASC", description: "Smallest or oldest first." },
    DESC: { value: "DESC", description: "Largest or newest first." },
  } as const,
});

export const DateTimeRange = builder.inputType("DateTimeRange", {
  description: "A time range. It is open at an end that is left out.",
  fields: (t) => ({
    from: t.field({ type: "DateTime", description: "The start, included." }),
    until: t.field({ type: "DateTime", description: "The end, not included." }),
  }),
});

export const DateRange = builder.inputType("DateRange", {
  description: "A range of days in the shop's time zone.",
  fields: (t) => ({
    from: t.field({ type: "Date", required: true, description: "The first day." }),
    until: t.field({ type: "Date", required: true, description: "The first day after the range." }),
  }),
});

/** Newest first by default. */
export function isDescending(
  order: { readonly direction: "ASC" | "DESC" } | null | undefined,
  byDefault = true,
): boolean {
  return order ? order.direction === "DESC" : byDefault;
}

/** @throws {BadInputError} for a number below 0. */
export function refuseNegative(argument: string, value: number | null | undefined): void {
  if (value != null && value < 0) throw new BadInputError(`'${argument}' must be 0 or more`);
}
