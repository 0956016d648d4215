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

/** `db` replaces the database that the hub reads. Counts the connections that it listens on. */
function startHub(db: Db = testDatabase.db) {
  const listeners = { count: 0 };
  const hub = createActivityHub({
    db,
    sandbox: false,
    listen: async (handler) => {
      const listener = await listen(testDatabase.database, handler);
      listeners.count += 1;
      const close = async () => {
        listeners.count -= 1;
        await listener.close();
      };
      return { ...listener, close };
    },
    logger: { warn: (...facts: unknown[]) => expect.unreachable(JSON.stringify(facts)) },
  });
  return { hub, listeners };
}

async function say(...texts: string[]) {
  const thread = await insertThread(testDatabase.db);
  await insertMessages(testDatabase.db, thread.id, texts);
  await publish(testDatabase.db, { type: "run-queued", runId: "x" });
}

test("a subscriber that never reads frees its place when it is dropped", async () => {
  const { hub, listeners } = startHub();
  await hub.subscribe(EVERYTHING);
  const whileSubscribed = listeners.count;

  await say(...Array(MAX_WAITING + 1).fill("hello"));

  await expect.poll(() => listeners.count).toBe(0);
  expect(whileSubscribed).toBe(1);
  await hub.close();
});

test("when the database lost published changes, subscribers get an error and can subscribe again", async () => {
  const { hub } = startHub(firstAt("9000000000:9000000000:"));
  const subscriber = await hub.subscribe(EVERYTHING);
  await say("hello");
  const taken = subscriber.queue.take();

  await expect(taken).rejects.toMatchObject({ code: "PLACE_LOST" });
  await expect(taken).rejects.toThrow("subscribe again without 'after'");

  const next = await hub.subscribe(EVERYTHING);
  await say("hello again");
  expect(await next.queue.take()).toMatchObject({ change: { kind: "message", message: { text: "hello again" } } });
  await hub.close();
});

/** The database, but its first snapshot is this one, of a server that was ahead. */
function firstAt(snapshot: string): Db {
  const aheadResult = { from: () => Promise.resolve([{ current: snapshot }]) };
  let reads = 0;
  const select = (fields: Parameters<Db["select"]>[0]) => {
    reads += 1;
    return reads === 1 ? aheadResult : testDatabase.db.select(fields);
  };
  return Object.create(testDatabase.db, { select: { value: select } });
}
