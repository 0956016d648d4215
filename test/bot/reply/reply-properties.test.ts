import { expect, test } from "vitest";
import { createSendBudget } from "../../../src/bot/budget/send-budget.ts";
import { createReply } from "../../../src/bot/reply/reply.ts";
import { createLogger } from "../../../src/observability/logger.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { fc } from "../../support/property.ts";
import { createFakeChat, type Fate } from "./fake-chat.ts";

const STATUS = "Checking stock…";
const LONG_ENOUGH_MS = 3_600_000;

type Step =
  | { kind: "text"; delta: string; pauseMs: number }
  /** Words at a constant pace. */
  | { kind: "stream"; words: number; everyMs: number; pauseMs: number }
  | { kind: "tool"; runsForMs: number; pauseMs: number }
  | { kind: "pause"; pauseMs: number };

const word = fc.string({ unit: fc.constantFrom(..."abcdeghiđạệ👍"), minLength: 1, maxLength: 9 });
const delta = fc.tuple(word, fc.constantFrom(" ", " ", " ", "\n\n", "")).map(([text, gap]) => text + gap);
/** A text of up to three messages. */
const longText = fc
  .tuple(fc.array(delta, { minLength: 1, maxLength: 30 }), fc.integer({ min: 1, max: 120 }))
  .map(([deltas, times]) => deltas.join("").repeat(times).slice(0, 12_000));
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 30, arbitrary: fc.record({ kind: fc.constant("text"), delta, pauseMs: fc.constantFrom(0, 16, 16, 200) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("text"),
      delta: longText,
      pauseMs: fc.constant(16),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("stream"),
      words: fc.integer({ min: 20, max: 300 }),
      everyMs: fc.constantFrom(16, 100, 300),
      pauseMs: fc.constant(0),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("tool"),
      runsForMs: fc.constantFrom(50, 900, 6_000),
      pauseMs: fc.constantFrom(0, 16),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("pause"), pauseMs: fc.constantFrom(1_500, 8_000) }) },
);
const latency = fc.constantFrom(5, 40, 40, 40, 400, 3_000);
const fault = fc.oneof(
  { weight: 12, arbitrary: fc.constant(undefined) },
  {
    weight: 2,
    arbitrary: fc.constantFrom<NonNullable<Fate["fault"]>>(
      { kind: "freeze", seconds: 3 },
      { kind: "freeze", seconds: 8 },
      { kind: "freeze", seconds: 40 },
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom<NonNullable<Fate["fault"]>>(
      { kind: "lost-before" },
      { kind: "lost-after" },
      { kind: "deleted-before" },
    ),
  },
);
const fate: fc.Arbitrary<Fate> = fc
  .record({ there: latency, back: latency, fault })
  .map(({ there, back, fault }) => ({ there, back, ...(fault ? { fault } : {}) }));
const scene = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 60, size: "large" }),
  fates: fc.array(fate, { maxLength: 40, size: "large" }),
  isGroup: fc.boolean(),
  /** Text so late that it is first shown with the final text. */
  ending: fc.option(longText, { nil: "", freq: 4 }),
  note: fc.constantFrom("", "\n\n(stopped)"),
});

/** Plays a reply to its end and records what the chat showed after each call. */
async function play({
  steps,
  fates,
  isGroup,
  ending,
  note,
}: typeof scene extends fc.Arbitrary<infer Value> ? Value : never) {
  const clock = createFakeClock();
  const chat = createFakeChat(clock, { isGroup, fates });
  const states: { shown: string[]; truth: string }[] = [];
  let [truth, stored, outcome] = ["", [] as readonly number[], "pending"];
  const reply = createReply({
    chat: { telegramId: 1, isGroup },
    budget: createSendBudget({ clock }),
    transport: chat.transport,
    store: {
      recordSending: async () => undefined,
      recordNotSent: async () => undefined,
      confirm: async () => undefined,
      async savePages(ids) {
        stored = [...ids];
      },
      async markDelivered() {
        outcome = "delivered";
      },
      async markUndeliverable() {
        outcome = "undeliverable";
      },
    },
    statusLine: () => STATUS,
    shownLength: 0,
    isWorthRetrying: () => false,
    begin: async () => [],
    askedAt: null,
    clock,
    logger: createLogger({ level: "silent", pretty: false }),
  });
  chat.watch(() => states.push({ shown: chat.shown().map(({ text }) => text), truth: truth + note }));

  const say = (text: string) => {
    truth += text;
    reply.emit({ type: "text-delta", delta: text });
  };
  let toolCallId = 0;
  for (const next of steps) {
    if (next.kind === "text") {
      say(next.delta);
    } else if (next.kind === "stream") {
      for (let index = 0; index < next.words; index++) {
        say(`w${index} `);
        await clock.advance(next.everyMs);
      }
    } else if (next.kind === "tool") {
      const call = { toolCallId: String(++toolCallId), name: "CheckOutOfStock" };
      reply.emit({ type: "tool-start", ...call, arguments: {} });
      await clock.advance(next.runsForMs);
      reply.emit({ type: "tool-end", ...call, succeeded: true });
    }
    await clock.advance(next.pauseMs);
  }
  if (ending !== "") say(ending);
  const finalText = truth.trim() + note || "Nothing was said.";
  truth = finalText;
  reply.emit({
    type: "run-end",
    outcome: { status: "completed", errorCode: null, errorMessage: null },
    finalText,
  });
  await clock.advance(LONG_ENOUGH_MS);
  await reply.done;
  return { chat, states, finalText, outcome, stored };
}

/**
 * The words without spacing and message breaks; a status line does not count. `longText` may cut a 👍 in half, and the chat
 * shows U+FFFD for the half.
 */
const words = (texts: readonly string[]) => texts.join(" ").toWellFormed().replaceAll(STATUS, "").replace(/\s+/g, "");

test("under any faults, the visible text is always a prefix of the answer, and the whole answer in the end", async () => {
  await fc.assert(
    fc.asyncProperty(scene, async (played) => {
      const { chat, states, finalText, outcome, stored } = await play(played);
      const wasDeleted = chat.messages.some(({ isDeleted }) => isDeleted);

      for (const { shown, truth } of states)
        if (!wasDeleted) expect(words([truth]).startsWith(words(shown))).toBe(true);
      expect(outcome).toBe("delivered");
      if (!wasDeleted) expect(words(chat.shown().map(({ text }) => text))).toBe(words([finalText]));
      expect(stored).toEqual(chat.messages.filter(({ isOrphan }) => !isOrphan).map(({ id }) => id));
      expect(chat.shown().some(({ button }) => button !== null)).toBe(false);
    }),
    { numRuns: 100 },
  );
});

test("under any faults, no limit is exceeded and no call is made during a freeze", async () => {
  await fc.assert(
    fc.asyncProperty(scene, async (played) => {
      const { chat } = await play(played);

      expect(chat.offences).toEqual({ insideWindow: 0, earned: 0 });
    }),
    { numRuns: 100 },
  );
});

test("a message is duplicated only if Telegram's answer was lost, and a page is not edited after the next one is sent", async () => {
  await fc.assert(
    fc.asyncProperty(scene, async (played) => {
      const { chat } = await play(played);

      const lost = played.fates.filter(({ fault }) => fault?.kind === "lost-after").length;
      expect(chat.messages.filter(({ isOrphan }) => isOrphan).length).toBeLessThanOrEqual(lost);
      const newest = chat.accepted.map(({ messageId }, index) => ({
        messageId,
        isBehind: chat.accepted.slice(0, index).some((earlier) => (earlier.messageId ?? 0) > (messageId ?? Infinity)),
      }));
      expect(newest.filter(({ isBehind }) => isBehind)).toEqual([]);
    }),
    { numRuns: 100 },
  );
});
