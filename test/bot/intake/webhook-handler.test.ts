import { request } from "node:http";
import { afterEach, expect, test } from "vitest";
import type { ProcessUpdate } from "../../../src/bot/intake/process-update.ts";
import { createWebhookHandler, type WebhookHandler } from "../../../src/bot/intake/webhook-handler.ts";
import type { HttpServer } from "../../../src/http/server.ts";
import { serveWebhook } from "../../support/webhook-server.ts";

const SECRET = "a-secret_of-this-test";
const HEADER = "x-telegram-bot-api-secret-token";
let http: HttpServer;
afterEach(() => http.close());

test("only a POST with the secret is accepted", async () => {
  const { handler, accepted } = await startHandler();
  handler.open(accepted.processUpdate);

  const statuses = [
    await post({ update_id: 1 }, { [HEADER]: "not-the-secret" }),
    await post({ update_id: 2 }, { [HEADER]: `${SECRET}x` }),
    await post({ update_id: 3 }, {}),
    await fetch(`${http.address}/hook`, { headers: { [HEADER]: SECRET } }),
    await fetch(`${http.address}/hook`, { method: "PUT", headers: { [HEADER]: SECRET }, body: "{}" }),
    await post({ update_id: 4 }),
  ].map(({ status }) => status);

  expect(statuses).toEqual([401, 401, 401, 405, 405, 200]);
  expect(accepted.ids).toEqual([4]);
});

test.each(["", "{", "[]", "null", "{}", '{"update_id":"1"}', '{"update_id":1.5}', "\u0000"])(
  "a body that is not an update is refused: %j",
  async (body) => {
    const { handler, accepted } = await startHandler();
    handler.open(accepted.processUpdate);

    const { status } = await fetch(`${http.address}/hook`, { method: "POST", headers: { [HEADER]: SECRET }, body });

    expect(status).toBe(400);
    expect(accepted.ids).toEqual([]);
  },
);

test.each(["content-length", "transfer-encoding"])(
  "a body over 1 MB is refused before it is read (%s)",
  async (header) => {
    const { handler, accepted } = await startHandler();
    handler.open(accepted.processUpdate);
    const { promise: status, resolve, reject } = Promise.withResolvers<number | undefined>();
    const value = header === "content-length" ? 1_000_001 : "chunked";

    const sending = request(
      `${http.address}/hook`,
      { method: "POST", headers: { [HEADER]: SECRET, [header]: value } },
      (response) => resolve(response.statusCode),
    );
    sending.once("error", reject);
    if (header === "content-length") sending.flushHeaders();
    else sending.write(Buffer.alloc(1_000_001, " "));

    expect(await status).toBe(413);
    sending.destroy();
    expect(accepted.ids).toEqual([]);
  },
);

test("an update that was not committed gets 500, so that it comes again", async () => {
  const { handler } = await startHandler();
  handler.open(async () => false);

  expect((await post({ update_id: 1 })).status).toBe(500);
});

test("before opening and after closing, updates get 503, so that they come again", async () => {
  const { handler, accepted } = await startHandler();

  const early = await post({ update_id: 1 });
  handler.open(accepted.processUpdate);
  const between = await post({ update_id: 2 });
  await handler.close();
  const late = await post({ update_id: 3 });

  expect([early, between, late].map(({ status }) => status)).toEqual([503, 200, 503]);
  expect(late.headers.get("retry-after")).toBe("1");
  expect(accepted.ids).toEqual([2]);
});

test("closing waits for the update in progress, which is answered as usual", async () => {
  const { handler } = await startHandler();
  const inside = Promise.withResolvers<void>();
  const committed = Promise.withResolvers<boolean>();
  handler.open(() => {
    inside.resolve();
    return committed.promise;
  });
  let isClosed = false;

  const answer = post({ update_id: 1 });
  await inside.promise;
  const closing = handler.close().then(() => {
    isClosed = true;
  });
  const closedEarly = (await post({ update_id: 2 })).status === 503 && isClosed;
  committed.resolve(true);
  await closing;

  expect(closedEarly).toBe(false);
  expect((await answer).status).toBe(200);
});

test("no more than a hundred requests are processed at once: the next one gets 503 until one is done", async () => {
  const { handler } = await startHandler();
  const committed = Promise.withResolvers<boolean>();
  const full = Promise.withResolvers<void>();
  let inside = 0;
  handler.open(() => {
    if (++inside === 100) full.resolve();
    return committed.promise;
  });

  const answers = Array.from({ length: 100 }, (_, index) => post({ update_id: index }));
  await full.promise;
  const refused = await post({ update_id: 100 });
  committed.resolve(true);
  const statuses = (await Promise.all(answers)).map(({ status }) => status);

  expect(refused.status).toBe(503);
  expect(new Set(statuses)).toEqual(new Set([200]));
  expect((await post({ update_id: 100 })).status).toBe(200);
});

test("a sender that disconnects within a body does no harm", async () => {
  const { handler, accepted, errors } = await startHandler();
  handler.open(accepted.processUpdate);
  const sending = request(`${http.address}/hook`, {
    method: "POST",
    headers: { [HEADER]: SECRET, "content-length": 1_000 },
  });
  const gone = new Promise((resolve) => sending.once("error", resolve));
  sending.write('{"update_id":');
  await post({ update_id: 1 });

  sending.destroy(new Error("gone"));
  await gone;

  expect((await post({ update_id: 2 })).status).toBe(200);
  expect(accepted.ids).toEqual([1, 2]);
  expect(errors).toEqual([]);
});

async function startHandler() {
  const handler: WebhookHandler = createWebhookHandler(SECRET);
  const errors: unknown[] = [];
  http = await serveWebhook({ path: "/hook", handle: handler.handle }, (error) => errors.push(error));
  const ids: number[] = [];
  const processUpdate: ProcessUpdate = async ({ update_id: id }) => {
    ids.push(id);
    return true;
  };
  return { handler, errors, accepted: { ids, processUpdate } };
}

function post(update: object, headers: Record<string, string> = { [HEADER]: SECRET }): Promise<Response> {
  return fetch(`${http.address}/hook`, { method: "POST", headers, body: JSON.stringify(update) });
}
