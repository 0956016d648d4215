import type { Message } from "@grammyjs/types";
import { afterEach, expect, test } from "vitest";
import { calls, says } from "../../../sandbox/model/script.ts";
import { textsIn } from "../../../src/bot/texts.ts";
import { startTestApp, type TestApp } from "../../support/app.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { staffPerson, textsOf } from "../bot-support.ts";
import { createFakeChat } from "./fake-chat.ts";
import { answers, BOT, callsTo, DELIVERED, ended, holdShop, runsAre, startReply } from "./reply-support.ts";

let running: TestApp | undefined;
afterEach(async () => {
  await running?.close();
  running = undefined;
});

test("in a topic only the first message of a reply quotes the question and notifies, and no link has a preview", async () => {
  const rest = Promise.withResolvers<void>();
  const app = await start({ "tell me": says(["See https://a.example", rest.promise, ` ${"and more ".repeat(600)}`]) });
  const person = await staffPerson(app, "staff", { first_name: "An" });
  const forum = app.telegram.group({ title: "Shop", members: [person], type: "supergroup", is_forum: true });
  const topic = forum.topic("Stock");

  const question = forum.send(`${BOT} tell me`, { messageThreadId: topic });
  await forum.waitForBotMessage("See https://a.example");
  rest.resolve();
  await runsAre(app, [DELIVERED]);

  const made = callsTo(app, forum);
  const [first, ...others] = made.filter(({ method }) => method === "sendMessage").map(({ params }) => params);
  expect(made.every(({ params }) => isOff(params.link_preview_options))).toBe(true);
  expect(first).toMatchObject({
    message_thread_id: topic,
    reply_parameters: { message_id: question.message_id, allow_sending_without_reply: true },
  });
  expect(first).not.toHaveProperty("disable_notification");
  expect(others).toHaveLength(1);
  expect(others[0]).toMatchObject({ message_thread_id: topic, disable_notification: true });
  expect(others[0]).not.toHaveProperty("reply_parameters");
});

test("the answer to a deleted question is sent too, and quotes nothing", async () => {
  const thought = Promise.withResolvers<void>();
  const app = await start({ "tell me": says([thought.promise, "Here it is."]) });
  const group = app.telegram.group({ title: "Shop", members: [await staffPerson(app, "staff", { first_name: "An" })] });
  const question = group.send(`${BOT} tell me`);
  await app.model.waitForRequest(1);

  group.deleteMessage(question);
  thought.resolve();
  const answer = await group.waitForBotMessage(ended("Here it is."));

  expect(answer.reply_to_message).toBeUndefined();
});

test("each edit while the answer streams has the stop button, the last one none, and only the last page has it", async () => {
  const [goOn, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const long = "and more ".repeat(600);
  const app = await start({ "tell me": says(["The start", goOn.promise, ` ${long}`, end.promise, "and the end."]) });
  const chat = await app.staff();

  chat.send("tell me");
  await chat.waitForBotMessage("The start");
  goOn.resolve();
  await app.telegram.waitFor(() => chat.botMessages().length === 2);
  const whileStreaming = chat.botMessages().map(hasButton);
  end.resolve();
  await runsAre(app, [DELIVERED]);

  const shown = callsTo(app, chat).map(({ params }) => "reply_markup" in params);
  expect(whileStreaming).toEqual([false, true]);
  expect(chat.botMessages().map(hasButton)).toEqual([false, false]);
  // The first page while it grew, then complete without it; the second page, as often as it was edited; the end.
  expect(shown.slice(0, 3)).toEqual([true, false, true]);
  expect(shown.slice(3, -1)).not.toContain(false);
  expect(shown.at(-1)).toBe(false);
});

test.each([
  ["en", "Checking stock", "Checking sales"],
  ["vi", "Đang kiểm tra kho", "Đang kiểm tra doanh thu"],
])("two slow tools are both named in plain words (%s), and both names disappear", async (language_code, ...names) => {
  const revenue = { name: "CheckDailyRevenue", arguments: { date: "2026-11-14" } };
  let round = 0;
  running = await startTestApp(() => {
    round += 1;
    return round === 1 ? calls({ name: "CheckOutOfStock" }, revenue) : says("All is well.");
  });
  const chat = await running.staff("staff", { language_code });
  const release = await holdShop(running);

  chat.send("how are we?");
  // They run concurrently: either may have started first.
  const lines = [names, names.toReversed()].map((labels) => `${labels.join(", ")}…`);
  const status = await chat.waitForBotMessage(({ text = "" }) => lines.includes(text));
  await release();
  await chat.waitForBotMessage(ended("All is well."));

  expect(status.entities).toEqual([{ type: "italic", offset: 0, length: lines[0]?.length }]);
  expect(status.reply_markup?.inline_keyboard[0]?.[0]?.text).toBe(textsIn(language_code).buttons.stop);
  expect(textsOf(chat)).toEqual(["All is well."]);
});

test("a tool that ends within 700 ms shows no status line, a slower one shows it until it ends", async () => {
  const { clock, chat, reply, say, shown } = startClockedReply();
  const runsFor = async (toolCallId: string, ms: number) => {
    reply.emit({ type: "tool-start", toolCallId, name: "CheckOutOfStock", arguments: {} });
    await clock.advance(ms);
    const during = shown();
    reply.emit({ type: "tool-end", toolCallId, name: "CheckOutOfStock", succeeded: true });
    await clock.advance(5_000);
    return during;
  };
  say("I will look.");
  await clock.advance(5_000);

  const quick = await runsFor("1", 690);
  const callsOfQuick = chat.accepted.filter(({ kind }) => kind !== "typing").length;
  const slow = await runsFor("2", 900);

  expect(quick).toEqual(["I will look."]);
  expect(callsOfQuick).toBe(1);
  expect(slow).toEqual(["I will look.\n\nCheckOutOfStock…"]);
  expect(shown()).toEqual(["I will look."]);
});

test("a slow tool is named after 700 ms also if the text before it was just shown", async () => {
  const { clock, chat, reply, say, shown } = startClockedReply();
  for (let word = 0; word < 200; word++) {
    say(`w${word} `);
    await clock.advance(16);
  }
  while (!shown()[0]?.endsWith("w199")) await clock.advance(10);

  reply.emit({ type: "tool-start", toolCallId: "1", name: "CheckOutOfStock", arguments: {} });
  await clock.advance(750);

  expect(shown()[0]).toMatch(/w199\n\nCheckOutOfStock…$/);
  expect(chat.offences).toEqual({ insideWindow: 0, earned: 0 });
});

test("a fast tool does not change the pace", async () => {
  const callsWith = async (toolCallIds: string[]) => {
    const { clock, chat, reply, say } = startClockedReply();
    for (let word = 0; word < 100; word++) {
      say(`w${word} `);
      const toolCallId = toolCallIds[word];
      if (toolCallId !== undefined) {
        reply.emit({ type: "tool-start", toolCallId, name: "CheckOutOfStock", arguments: {} });
        reply.emit({ type: "tool-end", toolCallId, name: "CheckOutOfStock", succeeded: true });
      }
      await clock.advance(100);
    }
    return chat.accepted.map(({ at }) => at);
  };

  expect(await callsWith(["1", "2", "3", "4"])).toEqual(await callsWith([]));
});

test("the end is shown at once, with the slot that is reserved for it", async () => {
  const { clock, chat, say, end, shown } = startClockedReply();
  let text = "";
  const stream = async (words: number) => {
    for (let word = 0; word < words; word++) {
      say(`w${word} `);
      text += `w${word} `;
      await clock.advance(16);
    }
  };
  await stream(200);
  for (const { length } = chat.accepted; chat.accepted.length === length; ) await stream(1);
  await stream(10);

  end(`${text}The last words.`);
  await clock.advance(50);

  expect(shown()[0]).toMatch(/The last words\.$/);
  expect(chat.offences).toEqual({ insideWindow: 0, earned: 0 });
});

test("a status line follows a code block that is still open, and is not part of it", async () => {
  const { clock, chat, reply, say } = startClockedReply();

  say("```sh\nnpm ci");
  reply.emit({ type: "tool-start", toolCallId: "1", name: "CheckOutOfStock", arguments: {} });
  await clock.advance(2_000);

  const [shown] = chat.shown();
  expect(shown?.text).toMatch(/^npm ci\n+CheckOutOfStock…$/);
  expect(shown?.entities.map(({ type }) => type)).toEqual(["pre", "italic"]);
});

test("typing shows without a gap while the model is silent, and ends with the first words", async () => {
  const { clock, chat, say, end } = startClockedReply();

  await clock.advance(30_000);
  const whileSilent = typingOf(chat);
  say("Here it is.");
  await clock.advance(1_000);
  end("Here it is.");
  await clock.advance(60_000);

  expect(whileSilent).toBe(7);
  expect(typingOf(chat)).toBe(whileSilent);
});

test("typing shows again while a slow tool runs, and never while text streams", async () => {
  const { clock, chat, reply, say, end } = startClockedReply();
  // So slowly that typing would fit between the words.
  const stream = async (seconds: number) => {
    for (let second = 0; second < seconds; second += 2) {
      say(`w${second} `);
      await clock.advance(2_000);
    }
  };

  await stream(20);
  const afterText = typingOf(chat);
  reply.emit({ type: "tool-start", toolCallId: "1", name: "CheckOutOfStock", arguments: {} });
  await clock.advance(20_000);
  const afterTool = typingOf(chat);
  reply.emit({ type: "tool-end", toolCallId: "1", name: "CheckOutOfStock", succeeded: true });
  await stream(20);
  end("All is well.");
  await clock.advance(60_000);

  expect(afterText).toBe(0);
  expect(afterTool).toBeGreaterThanOrEqual(3);
  // Telegram shows typing for 5 s, and ends it when a message comes.
  const times = chat.accepted
    .slice(chat.accepted.findIndex(({ kind }) => kind === "typing") - 1, -1)
    .map(({ at }) => at);
  const gaps = times.slice(1, afterTool + 1).map((at, index) => at - (times[index] ?? 0));
  expect(gaps.every((gap) => gap <= 5_000)).toBe(true);
  expect(typingOf(chat)).toBe(afterTool);
});

test("while Telegram asks to wait, no typing is sent", async () => {
  const { clock, chat, end } = startClockedReply();
  chat.freeze(20);

  await clock.advance(15_000);
  const meanwhile = typingOf(chat);
  await clock.advance(10_000);
  const afterwards = typingOf(chat);
  end("Here it is.");
  await clock.advance(5_000);

  expect(meanwhile).toBe(0);
  expect(afterwards).toBeGreaterThan(0);
  expect(chat.offences).toEqual({ insideWindow: 0, earned: 0 });
});

async function start(turns: Parameters<typeof answers>[0]): Promise<TestApp> {
  running = await startTestApp(answers(turns));
  return running;
}

function startClockedReply() {
  const clock = createFakeClock();
  const chat = createFakeChat(clock, { isGroup: false, fates: [] });
  const started = startReply({ chat: { telegramId: 1, isGroup: false }, transport: chat.transport, clock });
  return { ...started, clock, chat, shown: () => chat.shown().map(({ text }) => text) };
}

function typingOf({ accepted }: ReturnType<typeof createFakeChat>): number {
  return accepted.filter(({ kind }) => kind === "typing").length;
}

function hasButton({ reply_markup: markup }: Message): boolean {
  return markup !== undefined;
}

function isOff(options: unknown): boolean {
  return JSON.stringify(options) === '{"is_disabled":true}';
}
