/** The unit in which a turn is played: one event, or one wait. */

/** An event but for its `sequence_number`. */
export type StreamEvent = Readonly<Record<string, unknown>> & { readonly type: string };

export type Step =
  | { readonly kind: "event"; readonly event: StreamEvent }
  | { readonly kind: "wait"; readonly until: PromiseLike<unknown> };

/** How much of an item is sent: all, all but marked incomplete, or no ending of it at all. */
export type Cut = "none" | "incomplete" | "open";

export function event(type: string, fields: Readonly<Record<string, unknown>>): Step {
  return { kind: "event", event: { type, ...fields } };
}

/** True for the events that carry a piece of text: the ones that a model's speed paces. */
export function isDelta(each: StreamEvent): boolean {
  return each.type.endsWith(".delta");
}
