import { afterAll, beforeAll, expect, test } from "vitest";
import { listen, publish } from "../../../src/db/notify.ts";
import { createActivityHub } from "../../../src/graphql/live/activity-hub.ts";
import { MAX_WAITING } from "../../../src/graphql/live/inbox.ts";
import { insertMessages, insertThread } from "../../support/conversations.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

let testDatabase: TestDatabase;
beforeAll(async () => {
  testDatabase = await createTestDatabase({ poolSize: 5 });
});
afterAll(() => testDatabase.close());

/** Counts the connections that it listens on. */
function startHub() {
  const hears = { count: 0 };
  const hub = createActivityHub({
    db: testDatabase.db,
    listen: async (handler) => {
      const listener = await listen(testDatabase.database, handler);
      hears.count += 1;
      const close = async () => {
        hears.count -= 1;
        await listener.close();
      };
      return { ...listener, close };
    },
    logger: { warn: (...facts: unknown[]) => expect.unreachable(JSON.stringify(facts)) },
  });
  return { hub, hears };
}

async function say(...texts: string[]) {
  const thread = await insertThread(testDatabase.db);
  await insertMessages(testDatabase.db, thread.id, texts);
  await publish(testDatabase.db, { type: "run-queued", runId: "x" });
}

test("whoever never reads takes no place any more once they are dropped", async () => {
  const { hub, hears } = startHub();
  await hub.follow({}, null);
  const whileFollowed = hears.count;

  await say(...Array(MAX_WAITING + 1).fill("hello"));

  await expect.poll(() => hears.count).toBe(0);
  expect(whileFollowed).toBe(1);
  await hub.close();
});
