import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { says, scripted } from "../../sandbox/model/script.ts";
import type { StreamedTurn } from "../../sandbox/model/turn.ts";
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

test("the example shows a thread grow, and what happened while its connection was cut", async () => {
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
  line = await openLine(app.app().address);

  client = startFile("docs/examples/follow-thread.mjs", {
    env: { GRAPHQL_URL: `${line.address}/graphql`, ADMIN_TOKEN },
  });
  await client.waitFor(/ASSISTANT: Good morning!/);
  chat.send("what's out?");
  await client.waitFor(/ASSISTANT: Let me/);
  held.resolve();
  await client.waitFor(/look\./);
  line.cut();
  cut.resolve();
  await expect.poll(() => chat.botMessages().at(-1)?.text).toContain("Two products are out.");
  line.mend();
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
  expect(client.output()).toContain("A valid admin token is needed");
});

interface Line {
  readonly address: string;
  /** Breaks the connections that are open, and each new one until it is mended. */
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

/** A way to a server that can be cut. */
async function openLine(target: string): Promise<Line> {
  const { hostname, port } = new URL(target);
  const open = new Set<Socket>();
  let isCut = false;
  const server = createServer((near) => {
    if (isCut) return void near.resetAndDestroy();
    const far = connect(Number(port), hostname);
    open.add(near);
    join(near, far, () => open.delete(near));
    join(far, near, () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const breakAll = () => {
    for (const socket of open) socket.resetAndDestroy();
  };
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut() {
      isCut = true;
      breakAll();
    },
    mend() {
      isCut = false;
    },
    async close() {
      breakAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Sends what one says on to the other, and ends with it. */
function join(from: Socket, to: Socket, onEnd: () => void): void {
  from.pipe(to);
  // What broke a connection is seen at its other side as its end.
  from.on("error", () => to.destroy());
  from.on("close", () => {
    to.destroy();
    onEnd();
  });
}
