/** Starts one embedded server for the whole test run, with a migrated template database that tests clone. */
import type { TestProject } from "vitest/node";
import { startTestServer } from "./test-server.ts";

declare module "vitest" {
  interface ProvidedContext {
    testServer: { socketDir: string; user: string; template: string };
  }
}

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const { socketDir, user, template, close } = await startTestServer();
  project.provide("testServer", { socketDir, user, template });
  return close;
}
