/** Inputs that several lists share. */
import { BadInputError } from "../../errors.ts";
import { builder } from "../builder.ts";

export const OrderDirection = builder.enumType("OrderDirection", {
  description: "Which end of an order comes first.",
  values: {
    ASC: { value: "ASC", description: "Smallest or oldest first." },
    DESC: { value: "DESC", description: "Largest or newest first." },
  } as const,
});

export const DateTimeRange = builder.inputType("DateTimeRange", {
  description: "A stretch of time; an end that is left out is open.",
  fields: (t) => ({
    from: t.field({ type: "DateTime", description: "The first instant that belongs to it." }),
    until: t.field({ type: "DateTime", description: "The first instant that no longer belongs to it." }),
  }),
});

export const DateRange = builder.inputType("DateRange", {
  description: "Days of the shop's calendar, in its time zone.",
  fields: (t) => ({
    from: t.field({ type: "Date", required: true, description: "The first day." }),
    until: t.field({ type: "Date", required: true, description: "The first day that no longer belongs to it." }),
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
