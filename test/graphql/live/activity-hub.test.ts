import { afterAll, beforeAll, expect, test } from "vitest";
import type { Db } from "../../../src/db/client.ts";
import { listen, publish } from "../../../src/db/notify/notify.ts";
import { createActivityHub } from "../../../src/graphql/live/activity-hub.ts";
import { MAX_WAITING } from "../../../src/graphql/live/bounded-queue.ts";
import { insertMessages, insertThread } from "../../support/conversations.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

let testDatabase: TestDatabase;
beforeAll(async () => {
  testDatabase = await createTestDatabase({ poolSize: 5 });
});
afterAll(() => testDatabase.close());

const EVERYTHING = { scope: { sandbox: false }, kinds: null, tokenId: null };

/** `db`: what the hub reads from, when it is not the database itself. Counts the connections that it listens on. */
function startHub(db: Db = testDatabase.db) {
  const hears = { count: 0 };
  const hub = createActivityHub({
    db,
    sandbox: false,
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
  await hub.subscribe(EVERYTHING);
  const whileFollowed = hears.count;

  await say(...Array(MAX_WAITING + 1).fill("hello"));

  await expect.poll(() => hears.count).toBe(0);
  expect(whileFollowed).toBe(1);
  await hub.close();
});

test("when the database has lost what was told already, followers are told to begin anew, and can", async () => {
  const { hub } = startHub(firstAt("9000000000:9000000000:"));
  const subscriber = await hub.subscribe(EVERYTHING);
  await say("hello");
  const told = subscriber.queue.take();

  await expect(told).rejects.toMatchObject({ code: "PLACE_LOST" });
  await expect(told).rejects.toThrow("subscribe again without 'after'");

  const next = await hub.subscribe(EVERYTHING);
  await say("hello again");
  expect(await next.queue.take()).toMatchObject({ change: { kind: "message", message: { text: "hello again" } } });
  await hub.close();
});

/** The database, whose first snapshot is this one: of a server that had come further. */
function firstAt(snapshot: string): Db {
  const further = { from: () => Promise.resolve([{ current: snapshot }]) };
  let reads = 0;
  const select = (fields: Parameters<Db["select"]>[0]) => {
    reads += 1;
    return reads === 1 ? further : testDatabase.db.select(fields);
  };
  return Object.create(testDatabase.db, { select: { value: select } });
}
