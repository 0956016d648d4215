import { afterAll, beforeAll, expect, test } from "vitest";
import { findSnapshot } from "../../../src/db/queries/admin/activity.ts";
import { encodePosition } from "../../../src/graphql/live/activity-cursor.ts";
import { createSourceStream } from "../../../src/graphql/live/source-stream.ts";
import { insertMessages, insertThread } from "../../support/conversations.ts";
import { type AdminClient, startAdminApi } from "../admin-client.ts";

let admins: AdminClient;
beforeAll(async () => {
  admins = await startAdminApi();
});
afterAll(() => admins.close());

test("a stream that is ended reads no more of what it missed, even while it finds nothing that is wanted", async () => {
  const { activity, counted, db, statements } = admins;
  const thread = await insertThread(db);
  const after = encodePosition({ seen: await findSnapshot(db) });
  await insertMessages(db, thread.id, Array(2_000).fill("hello"));
  const wanted = { scope: { sandbox: false }, kinds: new Set(["toolCall" as const]), tokenId: null };
  const stream = (await createSourceStream(counted, activity, { ...wanted, after }))[Symbol.asyncIterator]();
  statements.length = 0;

  const next = stream.next();
  await stream.return?.();

  expect(await next).toEqual({ done: true, value: undefined });
  expect(statements.filter((statement) => statement.includes("changed_in")).length).toBe(1);
});
