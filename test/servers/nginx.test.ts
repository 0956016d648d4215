/** The live parts of the product behind Debian's nginx, with no setting but where to send requests. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { publish } from "../../src/db/notify/notify.ts";
import { startHttpServer } from "../../src/http/server.ts";
import { ADMIN_TOKEN, startAdminApi } from "../graphql/admin-client.ts";
import { readEvents } from "../graphql/live/subscriber.ts";
import { insertMessages, insertThread } from "../support/conversations.ts";
import { startProcess } from "../support/process.ts";
import { visitSandbox } from "../support/sandbox-page.ts";
import { isListening, unusedPort } from "./ports.ts";

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function createFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "nginx-"));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Starts nginx in front of `address`. @returns its own address. */
async function startNginx(address: string): Promise<string> {
  const folder = await createFolder();
  const port = await unusedPort();
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  const configuration = `daemon off; user root; pid ${folder}/pid; error_log stderr; events {}
    http { access_log off; gzip on; ${temporary.join(" ")}
      server { listen 127.0.0.1:${port}; location / { proxy_pass ${address}; } } }`;
  await writeFile(join(folder, "nginx.conf"), configuration);
  const nginx = spawn("/usr/sbin/nginx", ["-c", join(folder, "nginx.conf")], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  cleanups.push(() => stop(nginx));
  await expect.poll(() => isListening(port)).toBe(true);
  return `http://127.0.0.1:${port}`;
}

async function stop(child: ChildProcess): Promise<void> {
  child.kill("SIGTERM");
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

const SUBSCRIPTION = `subscription { activity(filter: { types: [MESSAGE_ADDED] }) { __typename
  ... on MessageAdded { message { text } } } }`;

test("each event of a subscription arrives through nginx before the next thing happens", async () => {
  const admins = await startAdminApi();
  const server = await startHttpServer({ host: "127.0.0.1", port: 0, onError: (error) => expect(error).toBe(null) });
  server.serve({
    isReady: () => true,
    graphql: admins.api,
    graphiql: () => false,
    metrics: (_, response) => response.writeHead(404).end(),
    webhook: null,
    sandbox: null,
  });
  cleanups.push(
    () => admins.close(),
    () => server.close(),
  );
  const nginx = await startNginx(server.address);

  const response = await fetch(`${nginx}/graphql`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "text/event-stream",
      authorization: `Bearer ${ADMIN_TOKEN}`,
    },
    body: JSON.stringify({ query: SUBSCRIPTION }),
  });
  const subscriber = readEvents(response);
  cleanups.push(() => subscriber.close());
  const started = await subscriber.event();
  const delaysMs: number[] = [];
  for (const text of ["one", "two", "three"]) {
    const thread = await insertThread(admins.db);
    await insertMessages(admins.db, thread.id, [text]);
    const saidAt = performance.now();
    await publish(admins.db, { type: "run-queued", runId: "x" });
    // It would wait here for ever: nothing else is said, and the stream stays open.
    expect((await subscriber.event()).message.text).toBe(text);
    delaysMs.push(Math.round(performance.now() - saidAt));
  }

  console.log(`milliseconds from a change to its event behind nginx: ${delaysMs.join(", ")}`);
  expect(started.__typename).toBe("ActivityStarted");
});

test("the sandbox's chat is live behind nginx", async () => {
  const dataDir = await createFolder();
  const sandbox = startProcess("main", { env: { DATA_DIR: dataDir, PORT: "0" } });
  cleanups.push(async () => {
    sandbox.kill("SIGTERM");
    await sandbox.exit;
  });
  const [, address = ""] = await sandbox.waitFor(/"msg":"GraphQL: (http:\S+)\/graphql"/);
  const visit = await visitSandbox(sandbox, await startNginx(address));

  const response = await visit.events();
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let seen = "";
  const readUntil = async (text: string) => {
    while (!seen.includes(text)) seen += (await reader?.read())?.value ?? "";
  };
  await readUntil("data: ");
  await visit.write("what's running out?");
  await readUntil("running out?");
  await readUntil("out of stock");
  await reader?.cancel();
});
