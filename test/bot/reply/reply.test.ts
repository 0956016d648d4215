import { afterEach, expect, test } from "vitest";
import { says } from "../../../sandbox/model/script.ts";
import { startTestApp, type TestApp } from "../../support/app.ts";
import { answers, DELIVERED, ended, runsAre } from "./reply-support.ts";

let app: TestApp;
afterEach(() => app.close());

test("text shows while the model is still writing, with the stop button below it until the end", async () => {
  const { chat, goOn } = await streamTo("Two products", " are low.");
  const first = await chat.waitForBotMessage("Two products");

  goOn();
  const final = await chat.waitForBotMessage(ended("Two products are low."));

  expect(first.reply_markup?.inline_keyboard[0]?.[0]).toMatchObject({ text: "⏹ Stop" });
  expect(final.message_id).toBe(first.message_id);
  expect(chat.botMessages()).toHaveLength(1);
});

test("typing shows while there is nothing to show yet", async () => {
  const { chat, goOn } = await streamTo("", "Here it is.");

  await app.telegram.waitFor(() => chat.shownAction()?.name === "typing");
  goOn();

  await chat.waitForBotMessage(ended("Here it is."));
  expect(chat.shownAction()).toBeUndefined();
});

const refusedToken = (error_code: number, description: string) => ({ ok: false, error_code, description });

test.each([
  ["Telegram was away", 502, "<html>Bad Gateway</html>"],
  ["its token was revoked", 401, refusedToken(401, "Unauthorized")],
  ["its token was no token", 404, refusedToken(404, "Not Found")],
])(
  "the next process delivers into the same message what a stopped one could not, because %s",
  async (_, status, body) => {
    const { chat, goOn } = await streamTo("**The start**", " and the end.");
    const first = await chat.waitForBotMessage("The start");
    let isAway = true;
    const isEdit = ({ method }: { method: string }) => isAway && method === "editMessageText";
    app.telegram.failNext(isEdit, { kind: "http", status, body }, 1_000);
    goOn();
    await runsAre(app, [{ status: "COMPLETED" }]);
    // More than once: after one, a permanent refusal would already be final.
    await app.telegram.waitFor(
      () => app.telegram.calls().filter(({ outcome }) => outcome?.kind === "http").length >= 2,
    );

    await app.stop();
    isAway = false;
    await app.restart();
    await runsAre(app, [DELIVERED]);

    expect(chat.botMessages().map(({ message_id, text }) => [message_id, text])).toEqual([
      [first.message_id, "The start and the end."],
    ]);
    expect(chat.botMessages()[0]?.entities?.map(({ type }) => type)).toEqual(["bold"]);
  },
);

/** Asks a question with an answer in two parts; the test releases the second. */
async function streamTo(start: string, end: string) {
  const rest = Promise.withResolvers<void>();
  const pieces = [start, rest.promise, end].filter((piece) => piece !== "");
  app = await startTestApp(answers({ "tell me": says(pieces) }));
  const chat = await app.staff();
  chat.send("tell me");
  return { chat, goOn: rest.resolve };
}
