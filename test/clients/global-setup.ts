/** Starts the server under test once for all tests, in its own process: see `serve.ts`. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";
import type { ServedApi } from "./serve.ts";

declare module "vitest" {
  interface ProvidedContext {
    served: ServedApi;
  }
}

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const server = spawn(process.execPath, [fileURLToPath(new URL("serve.ts", import.meta.url))], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = new Promise<number | null>((resolve) => server.once("close", resolve));
  project.provide("served", await readFirstLine(server.stdout));
  // It logs warnings and errors only.
  server.stdout.pipe(process.stderr);
  return async () => {
    server.stdin.end();
    const code = await ended;
    if (code !== 0) throw new Error(`the server under test ended with ${code}`);
  };
}

async function readFirstLine(output: NodeJS.ReadableStream): Promise<ServedApi> {
  for await (const line of createInterface(output)) return JSON.parse(line) as ServedApi;
  throw new Error("the server under test exited before it was ready");
}
