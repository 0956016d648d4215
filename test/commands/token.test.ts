import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { adminTokens } from "../../src/db/schema/index.ts";
import { hashToken } from "../../src/graphql/guards/auth.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { startProcess } from "../support/process.ts";

let testDatabase: TestDatabase;
let dataDir: string;
beforeAll(async () => {
  testDatabase = await createTestDatabase();
  dataDir = await mkdtemp(join(tmpdir(), "counterhand-token-"));
});
afterAll(async () => {
  await testDatabase.close();
  await rm(dataDir, { recursive: true, force: true });
});

async function runToken(args: string[]) {
  const { socketDir, user } = inject("testServer");
  const url = `postgres://${user}@localhost/${testDatabase.name}?host=${socketDir}`;
  const started = startProcess("token", { env: { DATA_DIR: dataDir, DATABASE_URL: url }, args });
  return { code: await started.exit, output: started.output() };
}

test("the command prints a token, of which the hash and a prefix are stored", async () => {
  const { code, output } = await runToken(["--name", "dashboard", "--scope", "viewer", "--days", "90"]);

  const [token = ""] = output.match(/^ch_[a-z]{6}_[\w-]{43}$/m) ?? [];
  const rows = await testDatabase.db.select().from(adminTokens);
  expect(code).toBe(0);
  expect(rows).toEqual([
    expect.objectContaining({
      name: "dashboard",
      scope: "viewer",
      prefix: token.slice(0, 9),
      tokenHash: hashToken(token),
      createdBy: null,
      expiresAt: expect.any(Date),
    }),
  ]);
});

test("the command prints the token's scope, also when none was given", async () => {
  const { output } = await runToken(["--name", "no scope"]);

  expect(output).toContain('Token "no scope", scope admin (all rights; --scope viewer only reads), no expiry.');
});

test("invalid options give an explanation, and no token is made", async () => {
  const before = await testDatabase.db.$count(adminTokens);

  const { code, output } = await runToken(["--name", "a\u0007b"]);

  expect(code).toBe(1);
  expect(output).toMatch(/--name: 1 to 100 printable characters\nUsage: npm run token/);
  expect(await testDatabase.db.$count(adminTokens)).toBe(before);
});
