import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { says, scripted } from "../../sandbox/model/script.ts";
import type { StreamedTurn } from "../../sandbox/model/turn.ts";
import { ADMIN_TOKEN, startTestApp, type TestApp } from "../support/app.ts";
import { type StartedProcess, startFile } from "../support/process.ts";

let app: TestApp | undefined;
let proxy: CuttableProxy | undefined;
let client: StartedProcess | undefined;
afterEach(async () => {
  client?.kill("SIGKILL");
  await client?.exit;
  await proxy?.close();
  await app?.close();
  [app, proxy, client] = [undefined, undefined, undefined];
});

test("the example shows a thread grow, and catches up after its connection was cut", async () => {
  const [held, cut] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const pieces = ["Let me ", held.promise, "look. ", cut.promise];
  const looksUp: StreamedTurn = {
    parts: [
      { kind: "text", text: pieces },
      { kind: "call", name: "CheckOutOfStock", arguments: {} },
    ],
  };
  app = await startTestApp(scripted([says("Good morning!"), looksUp, says("Two products are out.")]));
  const chat = await app.staff("manager");
  chat.send("hello");
  await expect.poll(() => chat.botMessages().at(-1)?.text).toContain("Good morning!");
  proxy = await startCuttableProxy(app.app().address);

  client = startFile("docs/examples/follow-thread.mjs", {
    env: { GRAPHQL_URL: `${proxy.address}/graphql`, ADMIN_TOKEN },
  });
  await client.waitFor(/ASSISTANT: Good morning!/);
  chat.send("what's out?");
  await client.waitFor(/ASSISTANT: Let me/);
  held.resolve();
  await client.waitFor(/look\./);
  proxy.cut();
  cut.resolve();
  await expect.poll(() => chat.botMessages().at(-1)?.text).toContain("Two products are out.");
  proxy.restore();
  await client.waitFor(/Two products are out\./);

  const shown = client.output().match(/^(USER|ASSISTANT): .*$|^\[.* SUCCEEDED\]$|^.*Two products.*$/gm);
  expect(shown).toEqual([
    "USER: hello",
    "ASSISTANT: Good morning!",
    "USER: what's out?",
    "ASSISTANT: Let me look. ",
    "[CheckOutOfStock SUCCEEDED]",
    "Two products are out.",
  ]);
});

test("the example ends with the server's own words when its token is refused", async () => {
  app = await startTestApp(scripted([]));

  client = startFile("docs/examples/follow-thread.mjs", {
    env: { GRAPHQL_URL: `${app.app().address}/graphql`, ADMIN_TOKEN: "a-token-that-nobody-has-made-for-anybody" },
  });

  expect(await client.exit).toBe(1);
  expect(client.output()).toContain("A valid admin token is required");
});

interface CuttableProxy {
  readonly address: string;
  /** Resets the open connections, and each new one until `restore`. */
  cut(): void;
  restore(): void;
  close(): Promise<void>;
}

/** A TCP proxy in front of `target` whose connections can be cut. */
async function startCuttableProxy(target: string): Promise<CuttableProxy> {
  const { hostname, port } = new URL(target);
  const open = new Set<Socket>();
  let isCut = false;
  const server = createServer((client) => {
    if (isCut) return void client.resetAndDestroy();
    const upstream = connect(Number(port), hostname);
    open.add(client);
    forward(client, upstream, () => open.delete(client));
    forward(upstream, client, () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const resetAll = () => {
    for (const socket of open) socket.resetAndDestroy();
  };
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut() {
      isCut = true;
      resetAll();
    },
    restore() {
      isCut = false;
    },
    async close() {
      resetAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Forwards the data of one socket to the other, and closes both together. */
function forward(from: Socket, to: Socket, onClose: () => void): void {
  from.pipe(to);
  // An error on one side is visible on the other side as a closed connection.
  from.on("error", () => to.destroy());
  from.on("close", () => {
    to.destroy();
    onClose();
  });
}
