/** The command `ask` as a separate process, with a model that a test plays. */
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import {
  callOf,
  createOddServer,
  givesItems,
  messageOf,
  type OddServer,
  saysOddly,
} from "../assistant/model/odd-server.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { type StartedProcess, startProcess } from "../support/process.ts";

let testDatabase: TestDatabase;
let server: OddServer;
beforeEach(async () => {
  testDatabase = await createTestDatabase();
  server = await createOddServer();
});
afterEach(async () => {
  await server.close();
  await testDatabase.close();
});

test("a signal interrupts the answer, and nothing more is written", async () => {
  const model = await startHangingModel();
  const started = ask(model.url);
  await started.waitFor(/As far as I can see/);

  started.kill("SIGTERM");

  expect(await started.exit).toBe(130);
  // There are two streams, read in any order.
  expect(started.output()).toMatch(/^As far as I can see\n?The answer was interrupted\.\n\n?$/);
  model.close();
});

test("control characters are shown as U+FFFD, in the model's text and in its tool calls", async () => {
  server.play([
    givesItems(callOf({ name: "\u001b[2J\u202etool", arguments: '{"n":"\u009b1m\u2066"}' })),
    saysOddly("\u001b]0;title\u0007two\tcolumns\r\nand \u202edetrevni\u202c, \u007f"),
  ]);

  const started = ask(server.url);

  expect(await started.exit).toBe(0);
  expect(started.output()).toContain("\uFFFD]0;title\uFFFDtwo\tcolumns\nand \uFFFDdetrevni\uFFFD, \uFFFD\n");
  expect(started.output()).toContain("-> \uFFFD[2J\uFFFDtool ");
  expect(started.output()).not.toMatch(/(?![\t\n])\p{Cc}|\p{Bidi_Control}/u);
});

function ask(url: string): StartedProcess {
  const { socketDir, user } = inject("testServer");
  return startProcess("ask", {
    args: ["what is running out?"],
    env: {
      DATABASE_URL: `postgres://${user}@localhost/${testDatabase.name}?host=${socketDir}`,
      OPENAI_BASE_URL: url,
      OPENAI_MODEL: "odd",
    },
  });
}

/** Sends the beginning of an answer, and then nothing. */
async function startHangingModel() {
  const model: Server = createServer((request, response: ServerResponse) => {
    request.resume();
    response.writeHead(200, { "content-type": "text/event-stream" });
    const events = [
      { type: "response.output_item.added", item: messageOf("") },
      { type: "response.output_text.delta", item_id: "msg_1", delta: "As far as I can see" },
    ];
    for (const event of events) response.write(`data: ${JSON.stringify(event)}\n\n`);
  });
  await once(model.listen(0, "127.0.0.1"), "listening");
  return {
    url: `http://127.0.0.1:${(model.address() as AddressInfo).port}/v1`,
    close() {
      model.close();
      model.closeAllConnections();
    },
  };
}
