/**
 * Answers for property tests, and the many ways in which model servers tell one: by deltas or not, with ids, indexes and done
 * events or without, everything only at the end, an empty end, things twice, comments between.
 */
import { fc } from "../../support/property.ts";

/** What an answer consists of. */
export type Item =
  | { type: "message"; text: string }
  | { type: "reasoning"; id: string }
  | { type: "call"; callId: string; name: string; arguments: Record<string, unknown> };

/** How a server tells it. */
export interface Manner {
  deltas: boolean;
  /** What the items' done events hold. */
  itemDone: "whole" | "empty" | "none";
  partDone: boolean;
  added: boolean;
  ids: "stable" | "new" | "none";
  indexes: "right" | "none";
  output: "whole" | "empty" | "none";
  isTwice: boolean;
  hasComments: boolean;
  /** Where deltas are cut. */
  cuts: readonly number[];
}

const word = fc.constantFrom("Yesterday", "4.390.500 ₫", "brought", "**bold**", "sữa", "🥛", "\n\n", "-", "a < b");
const text = fc.array(word, { minLength: 1, maxLength: 8 }).map((words) => `T${words.join(" ")}.`);

/** An answer: perhaps some thinking, one text at most at each place, calls that differ. */
export const answers: fc.Arbitrary<Item[]> = fc
  .record({
    thinks: fc.boolean(),
    before: fc.option(text, { nil: null }),
    calls: fc.array(fc.date({ min: new Date(0), max: new Date(2e12), noInvalidDate: true }), { maxLength: 4 }),
    after: fc.option(text, { nil: null }),
  })
  .map(({ thinks, before, calls, after }): Item[] => [
    ...(thinks ? [{ type: "reasoning" as const, id: "rs_1" }] : []),
    ...(before ? [{ type: "message" as const, text: `1 ${before}` }] : []),
    ...calls.map((date, n) => ({
      type: "call" as const,
      callId: `call_${n}`,
      name: n % 2 === 0 ? "CheckDailyRevenue" : "CheckOutOfStock",
      arguments: { n, date: date.toISOString() },
    })),
    ...(after ? [{ type: "message" as const, text: `2 ${after}` }] : []),
  ])
  .filter((items) => items.some(({ type }) => type !== "reasoning"));

export const manners: fc.Arbitrary<Manner> = fc
  .record({
    deltas: fc.boolean(),
    itemDone: fc.constantFrom("whole", "empty", "none"),
    partDone: fc.boolean(),
    added: fc.boolean(),
    ids: fc.constantFrom("stable", "new", "none"),
    indexes: fc.constantFrom("right", "none"),
    output: fc.constantFrom("whole", "empty", "none"),
    isTwice: fc.boolean(),
    hasComments: fc.boolean(),
    cuts: fc.array(fc.nat(), { maxLength: 6 }),
  })
  .filter(isTellable);

/** Whether everything of an answer is told somewhere, and what it belongs to can be known. */
function isTellable({ added, deltas, ids, indexes, isTwice, itemDone, output, partDone }: Manner): boolean {
  // A call's name is only in items.
  const hasNames = output === "whole" || added || itemDone === "whole";
  const hasContent = output === "whole" || deltas || partDone || itemDone === "whole";
  // Without an index, something must say where an item begins, and whether it is told again.
  const hasBegins = added || (itemDone === "whole" && !deltas && !partDone) || (itemDone !== "none" && !isTwice);
  const hasPlaces = indexes === "right" || (hasBegins && (!isTwice || ids === "stable"));
  return hasNames && hasContent && hasPlaces;
}

/** The pieces of a text, cut at these places. */
export function pieces(whole: string, cuts: readonly number[]): string[] {
  const ends = [...new Set(cuts.map((place) => place % (whole.length + 1)))].toSorted((one, other) => one - other);
  return [...ends, whole.length]
    .map((end, index) => whole.slice(index === 0 ? 0 : ends[index - 1], end))
    .filter((piece) => piece !== "");
}

/** The lines of a stream of the Responses API. */
export function tellResponse(items: readonly Item[], manner: Manner): string[] {
  let ids = 0;
  const idOf = (own: string) => {
    if (manner.ids === "none") return undefined;
    ids += 1;
    return manner.ids === "stable" ? own : `${own}_${ids}`;
  };
  const events = items.flatMap((item, index) => {
    const told = eventsOf(item, index, { manner, idOf });
    return manner.isTwice ? [...told, ...told.filter(({ type }) => !String(type).endsWith(".delta"))] : told;
  });
  const output =
    manner.output === "none"
      ? {}
      : { output: manner.output === "empty" ? [] : items.map((item) => wholeOf(item, idOf)) };
  const end = { type: "response.completed", response: { status: "completed", ...output } };
  return [{ type: "response.created", response: {} }, ...events, end].flatMap((event) => [
    ...(manner.hasComments ? [": keep-alive\n\n"] : []),
    `data: ${JSON.stringify(event)}\n\n`,
  ]);
}

type Event = Record<string, unknown>;

function eventsOf(
  item: Item,
  index: number,
  { manner, idOf }: { manner: Manner; idOf(own: string): string | undefined },
): Event[] {
  const place = () => (manner.indexes === "right" ? { output_index: index } : {});
  const at = () => ({ ...place(), item_id: idOf(ownIdOf(item)) });
  const events: Event[] = [];
  if (manner.added) events.push({ type: "response.output_item.added", ...place(), item: emptyOf(item, idOf) });
  const [kind, whole, field] =
    item.type === "message"
      ? (["response.output_text", item.text, "text"] as const)
      : ([
          "response.function_call_arguments",
          item.type === "call" ? JSON.stringify(item.arguments) : "",
          "arguments",
        ] as const);
  if (item.type !== "reasoning") {
    if (manner.deltas) {
      for (const delta of pieces(whole, manner.cuts)) events.push({ type: `${kind}.delta`, ...at(), delta });
    }
    if (manner.partDone) events.push({ type: `${kind}.done`, ...at(), [field]: whole });
  }
  if (manner.itemDone !== "none" || item.type === "reasoning") {
    const told = manner.itemDone === "empty" && item.type !== "reasoning" ? emptyOf(item, idOf) : wholeOf(item, idOf);
    events.push({ type: "response.output_item.done", ...place(), item: told });
  }
  return events;
}

function ownIdOf(item: Item): string {
  return item.type === "call"
    ? `fc_${item.callId}`
    : item.type === "message"
      ? `msg_${item.text.slice(0, 1)}`
      : item.id;
}

function wholeOf(item: Item, idOf: (own: string) => string | undefined): Event {
  const id = idOf(ownIdOf(item));
  if (item.type === "reasoning") return { type: "reasoning", id: item.id, summary: [], encrypted_content: "opaque" };
  if (item.type === "message") {
    return {
      type: "message",
      id,
      role: "assistant",
      content: [{ type: "output_text", text: item.text, annotations: [] }],
    };
  }
  const { callId, name, arguments: args } = item;
  return { type: "function_call", id, call_id: idOf(callId), name, arguments: JSON.stringify(args) };
}

function emptyOf(item: Item, idOf: (own: string) => string | undefined): Event {
  const whole = wholeOf(item, idOf);
  if (item.type === "message") return { ...whole, content: [] };
  return item.type === "call" ? { ...whole, arguments: "" } : { ...whole, encrypted_content: "opa" };
}

/** The lines of a stream of Chat Completions. Calls are told after the text. */
export function tellChunks(
  items: readonly Item[],
  manner: Manner & { callsHave: "indexes" | "index 0" | "no index" },
): string[] {
  const chunk = (delta: object, finish: string | null = null) => ({
    object: "chat.completion.chunk",
    choices: [{ index: 0, delta, finish_reason: finish }],
  });
  const texts = items.flatMap((item) => (item.type === "message" ? [item.text] : []));
  const calls = items.flatMap((item) => (item.type === "call" ? [item] : []));
  const message = {
    content: texts.join(""),
    tool_calls: calls.map(({ callId, name, arguments: args }) => ({
      id: callId,
      type: "function",
      function: { name, arguments: JSON.stringify(args) },
    })),
  };
  const events: object[] = [];
  if (items.some(({ type }) => type === "reasoning")) events.push(chunk({ reasoning_content: "Hm." }));
  if (manner.deltas) {
    events.push(chunk({ role: "assistant", content: "" }));
    events.push(...texts.flatMap((each) => pieces(each, manner.cuts)).map((content) => chunk({ content })));
    for (const [n, call] of calls.entries()) events.push(...callChunks(call, n, manner).map((each) => chunk(each)));
    events.push(chunk({}, calls.length > 0 ? "tool_calls" : "stop"));
  }
  if (!manner.deltas || manner.output === "whole") {
    events.push({ choices: [{ index: 0, message, finish_reason: "stop" }] });
  }
  events.push({ choices: [], usage: { prompt_tokens: 5, completion_tokens: 2 } });
  return [
    ...events.flatMap((event) => [
      ...(manner.hasComments ? [": keep-alive\n\n"] : []),
      `data: ${JSON.stringify(event)}\n\n`,
    ]),
    ...(manner.partDone ? ["data: [DONE]\n\n"] : []),
  ];
}

function callChunks(
  { callId, name, arguments: args }: Extract<Item, { type: "call" }>,
  n: number,
  manner: Manner & { callsHave: "indexes" | "index 0" | "no index" },
): object[] {
  const index = manner.callsHave === "no index" ? {} : { index: manner.callsHave === "indexes" ? n : 0 };
  const written = JSON.stringify(args);
  const told = manner.callsHave === "indexes" ? pieces(written, manner.cuts) : [written];
  return told.map((piece, at) => ({
    tool_calls: [
      at === 0
        ? { ...index, id: callId, type: "function", function: { name, arguments: piece } }
        : { ...index, function: { arguments: piece } },
    ],
  }));
}
