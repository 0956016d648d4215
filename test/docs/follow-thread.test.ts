import { connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { calls, says, scripted } from "../../src/sandbox/model/script.ts";
import { ADMIN_TOKEN, startTestApp, type TestApp } from "../support/app.ts";
import { type StartedProcess, startFile } from "../support/process.ts";

let app: TestApp | undefined;
let line: Line | undefined;
let client: StartedProcess | undefined;
afterEach(async () => {
  client?.kill("SIGKILL");
  await client?.exit;
  await line?.close();
  await app?.close();
  [app, line, client] = [undefined, undefined, undefined];
});

test("the example shows a thread grow, and goes on where it was when its connection is cut", async () => {
  const [held, cut] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const pieces = ["Two products ", held.promise, "are out, ", cut.promise, "three are low."];
  app = await startTestApp(scripted([says("Good morning!"), calls({ name: "CheckOutOfStock" }), says(pieces)]));
  const chat = await app.staff("manager");
  chat.send("hello");
  await expect.poll(() => chat.botMessages().at(-1)?.text).toContain("Good morning!");
  line = await openLine(app.app().address);

  client = startFile("docs/examples/follow-thread.mjs", {
    env: { GRAPHQL_URL: `${line.address}/graphql`, ADMIN_TOKEN },
  });
  await client.waitFor(/ASSISTANT: Good morning!/);
  chat.send("what's out?");
  await client.waitFor(/ASSISTANT: Two products/);
  held.resolve();
  await client.waitFor(/are out,/);
  line.cut();
  cut.resolve();
  await client.waitFor(/three are low\./);

  const output = client.output().replace(/\n\([^)]*\)\n/g, "");
  const parts = output.match(/^(USER|ASSISTANT): .*$|^\[.*\]$/gm)?.filter((part) => !/PENDING|RUNNING/.test(part));
  expect(parts).toEqual([
    "USER: hello",
    "ASSISTANT: Good morning!",
    "USER: what's out?",
    "[CheckOutOfStock SUCCEEDED]",
    "ASSISTANT: Two products are out, three are low.",
  ]);
  expect(line.cuts()).toBe(1);
});

test("the example ends with the server's own words when its token is refused", async () => {
  app = await startTestApp(scripted([]));

  client = startFile("docs/examples/follow-thread.mjs", {
    env: { GRAPHQL_URL: `${app.app().address}/graphql`, ADMIN_TOKEN: "a-token-that-nobody-has-made-for-anybody" },
  });

  expect(await client.exit).toBe(1);
  expect(client.output()).toContain("A valid admin token is needed");
});

interface Line {
  readonly address: string;
  /** Breaks the connections that are open; new ones can be made. */
  cut(): void;
  /** How many times that broke one. */
  cuts(): number;
  close(): Promise<void>;
}

/** Connections to a server that can be cut on the way. */
async function openLine(target: string): Promise<Line> {
  const { hostname, port } = new URL(target);
  const open = new Set<Socket>();
  let cuts = 0;
  const server: Server = createServer((near) => {
    const far = connect(Number(port), hostname);
    open.add(near);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      socket.pipe(other);
      // Either end hears of it as the other's end.
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        open.delete(near);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the line has no port");
  const destroyAll = () => {
    for (const socket of open) socket.resetAndDestroy();
  };
  return {
    address: `http://127.0.0.1:${address.port}`,
    cut() {
      if (open.size > 0) cuts += 1;
      destroyAll();
    },
    cuts: () => cuts,
    async close() {
      destroyAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
