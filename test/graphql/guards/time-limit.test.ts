import { sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { adminTokens } from "../../../src/db/schema/index.ts";
import { hashToken } from "../../../src/graphql/guards/auth.ts";
import { makeToken } from "../../../src/tokens/make-token.ts";
import { insertMessages, insertThread } from "../../support/conversations.ts";
import { type AdminClient, startAdminApi } from "../admin-client.ts";

let admins: AdminClient;
const { token } = makeToken();
beforeAll(async () => {
  admins = await startAdminApi({ poolSize: 1, requestLimitMs: 300 });
  await admins.db.insert(adminTokens).values({ name: "stored", tokenHash: hashToken(token) });
  const thread = await insertThread(admins.db);
  await insertMessages(admins.db, thread.id, ["hello"]);
});
afterAll(() => admins.close());

const QUERY = "{ threads { nodes { title lastMessage { text } } } }";

test("a request that waits too long for a connection gets a timeout, and reads nothing afterwards", async () => {
  const release = await holdPool();
  admins.statements.length = 0;

  const { status, body } = await admins.ask(QUERY);
  await release();
  await admins.db.execute(sql`select 1`);
  await admins.db.execute(sql`select 1`);

  expect(status).toBe(504);
  expect(body.errors?.map(({ extensions }) => extensions.code)).toEqual(["TIMEOUT"]);
  expect(admins.statements).toHaveLength(1);
});

test("a token lookup that takes too long gets a timeout", async () => {
  const release = await holdPool();

  const { status, body } = await admins.ask(QUERY, { token });
  await release();

  expect(status).toBe(504);
  expect(body.errors?.map(({ extensions }) => extensions.code)).toEqual(["TIMEOUT"]);
});

/** Holds the only connection until the returned function is called. */
async function holdPool(): Promise<() => Promise<void>> {
  const taken = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const holding = admins.db.transaction(async () => {
    taken.resolve();
    await released.promise;
  });
  await taken.promise;
  return () => {
    released.resolve();
    return holding;
  };
}
