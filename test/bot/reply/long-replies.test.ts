import { afterEach, expect, test } from "vitest";
import { says } from "../../../sandbox/model/script.ts";
import type { StandInChat } from "../../../sandbox/telegram/world/chat.ts";
import { startTestApp, type TestApp } from "../../support/app.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { textsOf } from "../bot-support.ts";
import { createFakeChat } from "./fake-chat.ts";
import { answers, DELIVERED, runsAre, startReply } from "./reply-support.ts";

const CHAT = { telegramId: 1, isGroup: false };

let app: TestApp | undefined;
afterEach(async () => {
  await app?.close();
  app = undefined;
});

test("replies of 9,600 and 40,000 characters fill as few messages as they need, in order, and only the last one is edited", async () => {
  const [short, long] = [textOf(9_600), textOf(40_000)];
  app = await startTestApp(answers({ short: streamed(short), long: streamed(long) }));
  const [first, second] = [await app.staff(), await app.staff()];

  first.send("short");
  second.send("long");
  const runs = await runsAre(app, [DELIVERED, DELIVERED]);

  expect(runs.map(({ message }) => message?.text).toSorted()).toEqual([short, long].toSorted());
  for (const [chat, text] of [
    [first, short],
    [second, long],
  ] as const) {
    const pages = textsOf(chat);
    expect(pages.join(" ").split(/\s+/)).toEqual(text.split(/\s+/));
    expect(pages).toHaveLength(Math.ceil(text.length / 4_096));
    expect(lateEdits(chat)).toEqual([]);
  }
  expect(app.telegram.limitCounts().insideWindow).toBe(0);
});

test.each([9_600, 40_000])("a reply of %i characters causes no 429, however fast it is written", async (length) => {
  const clock = createFakeClock();
  const chat = createFakeChat(clock, { isGroup: false, fates: [] });
  const { outcome, say, end } = startReply({ chat: CHAT, transport: chat.transport, clock });
  const text = textOf(length);

  for (const piece of text.match(/[\s\S]{1,400}/g) ?? []) {
    say(piece);
    await clock.advance(16);
  }
  end(text);
  await clock.advance(60_000);

  expect(outcome()).toBe("delivered");
  expect(chat.shown()).toHaveLength(Math.ceil(length / 4_096));
  expect(chat.offences).toEqual({ insideWindow: 0, earned: 0 });
});

/** Paragraphs of numbered words, so that each one is unique. */
function textOf(length: number): string {
  const paragraphs: string[] = [];
  for (let word = 0; paragraphs.join("\n\n").length < length; word += 30) {
    paragraphs.push(Array.from({ length: 30 }, (_, index) => `từ${word + index}`).join(" "));
  }
  return paragraphs.join("\n\n").slice(0, length).trimEnd();
}

/** In chunks like a model's tokens, each in its own tick. */
function streamed(text: string) {
  return says(text.match(/[\s\S]{1,40}/g)?.flatMap((piece) => [piece, Promise.resolve()]) ?? []);
}

/** Edits of a message after a later one was sent. */
function lateEdits(chat: StandInChat): string[] {
  let newest = 0;
  return chat.history.flatMap((change) => {
    if (change.kind !== "message-new" && change.kind !== "message-edit") return [];
    const { message_id: id, text = "" } = change.message;
    if (change.kind === "message-new") newest = Math.max(newest, id);
    return change.kind === "message-edit" && id < newest ? [text] : [];
  });
}
