/**
 * One embedded server for the whole run, and in it a migrated database that every test database is cloned from.
 */
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
