import { afterEach, expect, test } from "vitest";
import { calls, says, scripted } from "../../../sandbox/model/script.ts";
import { ADMIN_TOKEN, startTestApp, type TestApp } from "../../support/app.ts";
import { readEvents } from "./subscriber.ts";

let app: TestApp | undefined;
afterEach(async () => {
  await app?.close();
  app = undefined;
});

const SUBSCRIPTION = `subscription { activity { __typename
  ... on MessageAdded { message { role text } }
  ... on ReplyText { run { id } offset delta }
  ... on RunChanged { run { id status message { text } delivery { status } } }
  ... on ToolCallChanged { toolCall { name status output } } } }`;

const ANSWER = `**2 products** are out of stock. ${"Order them today. ".repeat(40)}`.trim();

test("a subscriber sees a question on Telegram answered, piece by piece, until it is delivered", async () => {
  app = await startTestApp(scripted([calls({ name: "CheckOutOfStock" }), says(ANSWER.match(/.{1,40}/g) ?? [])]));
  const chat = await app.staff("manager");
  const response = await fetch(`${app.app().address}/graphql`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${ADMIN_TOKEN}`,
      "content-type": "application/json",
      accept: "text/event-stream",
    },
    body: JSON.stringify({ query: SUBSCRIPTION }),
  });
  const subscriber = readEvents(response);
  await subscriber.event();

  chat.send("what's running out?");
  // The run is read with the event. Its delivery is read later, and may be ahead of the next events.
  const events = await subscriber.until(
    ({ run }) => run?.status === "COMPLETED" && run.delivery.status === "DELIVERED",
  );

  const of = (type: string) => events.filter((event) => event.__typename === type);
  const added = of("MessageAdded").map(({ message }) => message);
  const soFar = of("ReplyText").reduce((text, { offset, delta }) => text.slice(0, offset) + delta, "");
  expect(added).toEqual([
    { role: "USER", text: "what's running out?" },
    { role: "ASSISTANT", text: ANSWER },
  ]);
  expect(ANSWER.startsWith(soFar)).toBe(true);
  expect(of("ToolCallChanged").at(-1).toolCall).toMatchObject({ name: "CheckOutOfStock", status: "SUCCEEDED" });
  expect(of("RunChanged").at(-1).run).toMatchObject({ status: "COMPLETED", message: { text: ANSWER } });
  // In reading order: question, answer, end.
  const places = ["USER", "ASSISTANT"].map((role) => events.findIndex(({ message }) => message?.role === role));
  const ended = events.findIndex(({ run }) => run?.status === "COMPLETED");
  expect(places[0]).toBeLessThan(places[1] ?? -1);
  expect(places[1]).toBeLessThan(ended);
  await subscriber.close();
});
