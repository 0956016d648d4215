/** Messages with an unknown result: each counts once, and messages that were certainly not sent do not count. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { StandInChat } from "../../../sandbox/telegram/world/chat.ts";
import { replies } from "../../../src/db/schema/index.ts";
import { textsOf } from "../bot-support.ts";
import { createScene, type Process, type Scene } from "../budget/process-support.ts";
import { TOO_MANY_REQUESTS } from "./reply-support.ts";

let scene: Scene;
beforeEach(async () => {
  scene = await createScene();
});
afterEach(() => scene.close());

test("two sends with lost answers count as two, also if their process dies before it knows a message", async () => {
  const chat = scene.newChat();
  const [first, second] = [await scene.startProcess(), await scene.startProcess()];
  scene.telegram.failNext(isSendTo(chat), { kind: "drop-after" }, 2);
  await finishOne(first, chat);
  await scene.telegram.waitFor(() => textsOf(chat).length === 2);

  first.freeze();
  await first.lock.release();
  await second.presenter.deliverWaiting();
  await isDelivered();

  expect(textsOf(chat)).toEqual(["Answer one.", "Answer one.", "Answer one."]);
  expect(await reply()).toMatchObject({ resentCount: 2, telegramMessageIds: [chat.botMessages()[2]?.message_id] });
});

test("a send with a lost answer counts as one, if the same process sends it again", async () => {
  const chat = scene.newChat();
  scene.telegram.failNext(isSendTo(chat), { kind: "drop-after" });
  await finishOne(await scene.startProcess(), chat);
  await isDelivered();

  expect(textsOf(chat)).toEqual(["Answer one.", "Answer one."]);
  expect(await reply()).toMatchObject({ resentCount: 1, sendingSince: null });
});

test.each(["Telegram refused for now", "its process held back"])(
  "a send that %s is not counted when another process sends the message",
  async (why) => {
    const chat = scene.newChat();
    const [first, second] = [await scene.startProcess(), await scene.startProcess()];
    const isHeld = why === "its process held back";
    if (isHeld) first.freeze();
    else scene.telegram.failNext(isSendTo(chat), TOO_MANY_REQUESTS);
    await finishOne(first, chat);
    if (isHeld) await first.whenHeld;
    else await scene.telegram.waitFor(() => scene.telegram.calls().some(isSendTo(chat)));

    await first.end();
    await second.presenter.deliverWaiting();
    await isDelivered();

    expect(textsOf(chat)).toEqual(["Answer one."]);
    expect(await reply()).toMatchObject({ resentCount: 0 });
  },
);

async function finishOne(process: Process, chat: StandInChat): Promise<void> {
  await scene.ask(chat, "one");
  await process.finish(await process.claim(), "Answer one.");
}

function isSendTo(chat: StandInChat) {
  return (call: { method: string; chatId: number | undefined }) =>
    call.method === "sendMessage" && call.chatId === chat.id;
}

async function reply() {
  return (await scene.store.db.select().from(replies))[0];
}

async function isDelivered(): Promise<void> {
  await expect.poll(async () => (await reply())?.status).toBe("delivered");
}
