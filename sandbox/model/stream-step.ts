/** One step of a streamed turn: an event or a wait. */

/** An event without its `sequence_number`. */
export type StreamEvent = Readonly<Record<string, unknown>> & { readonly type: string };

export type Step =
  | { readonly kind: "event"; readonly event: StreamEvent }
  | { readonly kind: "wait"; readonly until: PromiseLike<unknown> };

/** How much of an item is sent: all of it, all of it but marked incomplete, or without its final events. */
export type Cut = "none" | "incomplete" | "open";

export function event(type: string, fields: Readonly<Record<string, unknown>>): Step {
  return { kind: "event", event: { type, ...fields } };
}

/** True for events that carry a piece of text. They are sent at the model's pace. */
export function isDelta(each: StreamEvent): boolean {
  return each.type.endsWith(".delta");
}
