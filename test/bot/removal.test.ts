import { asc } from "drizzle-orm";
import { afterEach, expect, test } from "vitest";
import { says } from "../../sandbox/model/script.ts";
import { textsIn } from "../../src/bot/texts.ts";
import { receiveMessage } from "../../src/db/queries/chat/conversations.ts";
import { findStaffMember, removeStaffMember } from "../../src/db/queries/chat/staff.ts";
import { runs } from "../../src/db/schema/index.ts";
import { startTestApp, type TestApp } from "../support/app.ts";
import { allHandled, questionOf, repeats, textsOf } from "./bot-support.ts";
import { recordLog } from "./intake/intake-support.ts";
import { ended, runsAre } from "./reply/reply-support.ts";

const texts = textsIn("en");
let app: TestApp;
afterEach(() => app.close());

test("a person who is removed during an answer gets no more of it, and their next question is never answered", async () => {
  const never = Promise.withResolvers<void>();
  app = await startTestApp((request) =>
    questionOf(request) === "one" ? says(["The figures are", never.promise, "..."]) : repeats(request),
  );
  const [owner, chat, other] = [await app.staff("owner"), await app.staff(), await app.staff()];
  chat.send("one");
  await chat.waitForBotMessage(/^The figures are/);
  chat.send("two");
  await allHandled(app);

  owner.send(`/remove ${chat.id}`);
  await owner.waitForBotMessage(texts.removed("Person 2"));
  await app.model.requests[0]?.whenAborted;
  await chat.waitForBotMessage(/_?Stopped/);
  other.send("and me?");
  await other.waitForBotMessage(ended("Answer: and me?"));

  const ends = await app.test.db.select({ status: runs.status }).from(runs).orderBy(asc(runs.queuedAt));
  expect(ends.map(({ status }) => status)).toEqual(["cancelled", "cancelled", "completed"]);
  expect(app.model.requests.map(questionOf)).toEqual(["one", "and me?"]);
  expect(textsOf(chat)).toHaveLength(1);
});

test.each([
  ["sendMessage", "PENDING", []],
  ["editMessageText", "PARTIAL", ["The start"]],
])(
  "an answer whose end Telegram had not accepted (%s) when its asker was removed is not delivered",
  async (method, status, shown) => {
    const rest = Promise.withResolvers<void>();
    const log = recordLog();
    app = await startTestApp(() => says(["The start", rest.promise, " and the figures."]), { logger: log.logger });
    const [owner, chat] = [await app.staff("owner"), await app.staff()];
    let isAway = true;
    const isMeant = (call: { method: string; chatId: number | undefined }) =>
      isAway && call.method === method && call.chatId === chat.id;
    app.telegram.failNext(isMeant, { kind: "http", status: 502, body: "<html>Bad Gateway</html>" }, 1_000);
    chat.send("one");
    for (const text of shown) await chat.waitForBotMessage(text);
    rest.resolve();
    await runsAre(app, [{ status: "COMPLETED", delivery: { status } }]);

    owner.send(`/remove ${chat.id}`);
    await owner.waitForBotMessage(texts.removed("Person 2"));
    isAway = false;
    await log.waitForLine(({ msg }) => msg === "reply handed over");

    const error = "The person who asked was removed from the staff.";
    await runsAre(app, [{ status: "COMPLETED", delivery: { status: "FAILED", error } }]);
    expect(textsOf(chat)).toEqual(shown);
  },
);

test("a message at the moment of its author's removal is not stored", async () => {
  app = await startTestApp(repeats);
  const chat = await app.staff();
  const author = await findStaffMember(app.test.db, chat.id);
  if (!author) throw new Error("the person is staff");
  await removeStaffMember(app.test.db, chat.id);

  const received = await receiveMessage(app.test.db, {
    chat: { type: "private", botId: 1, telegramId: chat.id, title: null },
    topicId: null,
    updateId: 1,
    author,
    language: "en",
    text: "hello",
    forwarded: false,
    telegramMessageId: 1,
  });

  expect(received).toEqual({ outcome: "not-staff" });
  expect(await app.test.db.$count(runs)).toBe(0);
});
