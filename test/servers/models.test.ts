/** Runs against stand-ins of model servers that others wrote: what ours takes for granted, they may do otherwise. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LLMock } from "@copilotkit/aimock";
import { afterEach, expect, test } from "vitest";
import { createModel } from "../../src/assistant/model/model.ts";
import { openRunTest, type RunTest, tool } from "../assistant/run-support.ts";
import { isListening, unusedPort } from "./ports.ts";

const closings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closings.splice(0).reverse()) await close();
});

/** Runs whose model is this server. */
async function openRuns(baseUrl: string, api: "responses" | "chat"): Promise<RunTest> {
  const runTest = await openRunTest(() => ({ status: 500 }), {
    model: createModel({ apiKey: "none", baseUrl, name: "gpt-6-luna", api }),
    tools: [tool("Echo", ({ n }) => ({ n }))],
  });
  closings.push(runTest.close);
  return runTest;
}

/** Starts a program of a package, with a configuration file of its own. @returns its port. */
async function startProgram(script: string, file: { name: string; text: string }): Promise<number> {
  const port = await unusedPort();
  const folder = await mkdtemp(join(tmpdir(), "model-server-"));
  const path = join(folder, file.name);
  await writeFile(path, file.text.replaceAll("PORT", String(port)));
  const args = file.name.endsWith(".yaml") ? ["--config", path] : [path];
  const child: ChildProcess = spawn(process.execPath, [join(import.meta.dirname, "node_modules", script), ...args], {
    env: { PATH: process.env.PATH, PORT: String(port), HOST: "127.0.0.1" },
    stdio: "ignore",
  });
  closings.push(async () => {
    const exited = once(child, "exit");
    child.kill();
    await exited;
    await rm(folder, { recursive: true });
  });
  await expect.poll(() => isListening(port)).toBe(true);
  return port;
}

test.each(["responses", "chat"] as const)(
  "aimock, %s: several calls at once, a second round, the answer and its usage",
  async (api) => {
    const server = new LLMock({ port: 0, chunkSize: 3 });
    server.addFixture({
      match: { userMessage: "count", hasToolResult: true },
      response: { content: "One and **two**." },
    });
    server.addFixture({
      match: { userMessage: "count", hasToolResult: false },
      response: {
        toolCalls: [
          { name: "Echo", arguments: '{"n":1}' },
          { name: "Echo", arguments: '{"n":2}' },
        ],
      },
    });
    await server.start();
    closings.push(() => server.stop());
    const { answer } = await openRuns(`${server.url}/v1`, api);

    const { calls, finalText, run } = await answer("count");

    expect(finalText).toBe("One and **two**.");
    expect(run).toMatchObject({ status: "completed", inputTokens: expect.any(Number) });
    expect(calls).toMatchObject([
      { name: "Echo", status: "succeeded", output: { n: 1 } },
      { name: "Echo", status: "succeeded", output: { n: 2 } },
    ]);
  },
);

test("llm-emulator, which answers the Responses API with one document instead of a stream", async () => {
  const dsl = join(import.meta.dirname, "node_modules", "llm-emulator", "src", "index.js");
  const port = await startProgram("llm-emulator/bin/llm-emulator.js", {
    name: "config.mjs",
    text: `import { define } from ${JSON.stringify(dsl)};
      export default define({ server: { port: PORT }, cases: [], defaults: { fallback: "Oat milk." } });`,
  });
  const { answer } = await openRuns(`http://127.0.0.1:${port}/v1`, "responses");

  const { finalText, run } = await answer("what is out");

  expect(finalText).toBe("Oat milk.");
  expect(run.status).toBe("completed");
});

test("mock-llm, Chat Completions: text in pieces, and an error within the stream", async () => {
  const port = await startProgram("@dwmkerr/mock-llm/dist/main.js", {
    name: "mock-llm.yaml",
    text: `
streaming: { chunkSize: 3, chunkIntervalMs: 1 }
rules:
  - path: "/v1/chat/completions"
    match: "@"
    response:
      status: 200
      content: '{"id":"c1","model":"m","choices":[{"message":{"role":"assistant","content":"Oat milk, 6 left."},"finish_reason":"stop"}]}'
  - path: "/v1/chat/completions"
    match: "contains(body.messages[-1].content, 'fail')"
    response:
      status: 503
      content: '{"error":{"message":"Overloaded.","type":"server_error","code":"server_error"}}'
`,
  });
  const { answer } = await openRuns(`http://127.0.0.1:${port}/v1`, "chat");

  const [said, failed] = [await answer("what is out?"), await answer("please fail")];

  expect(said.finalText).toBe("Oat milk, 6 left.");
  expect(said.run.status).toBe("completed");
  expect(failed.run).toMatchObject({ status: "failed", errorMessage: expect.stringContaining("Overloaded.") });
});
