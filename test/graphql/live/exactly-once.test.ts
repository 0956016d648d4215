import { randomUUIDv7 } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Db } from "../../../src/db/client.ts";
import { publish } from "../../../src/db/notify/notify.ts";
import { messages } from "../../../src/db/schema/index.ts";
import { insertThread } from "../../support/conversations.ts";
import { type AdminClient, startAdminApi } from "../admin-client.ts";
import { subscribe } from "./subscriber.ts";

const WRITERS = 4;
const TRANSACTIONS = 12;
const SUBSCRIBERS = 4;

/** Two processes, in all that matters: each has a hub and connections of its own, on one database. */
let processes: [AdminClient, AdminClient];
beforeAll(async () => {
  const first = await startAdminApi();
  processes = [first, await startAdminApi({ shared: first.testDatabase })];
});
afterAll(async () => {
  await processes[1].close();
  await processes[0].close();
});

/** A writer's transactions: how many messages each stores, and how long it stays open after each, in turns. */
const plan = fc.record({
  writers: fc.array(
    fc.array(fc.array(fc.nat(20), { minLength: 1, maxLength: 4 }), {
      minLength: TRANSACTIONS,
      maxLength: TRANSACTIONS,
    }),
    { minLength: WRITERS, maxLength: WRITERS },
  ),
  /** After how many events each subscriber breaks off and comes back, at which process. */
  subscribers: fc.array(fc.array(fc.tuple(fc.integer({ min: 1, max: 25 }), fc.nat(1)), { minLength: 1 }), {
    minLength: SUBSCRIBERS,
    maxLength: SUBSCRIBERS,
  }),
});

test("however commits are ordered, and wherever one breaks off and comes back, each message comes once", async () => {
  await fc.assert(
    fc.asyncProperty(plan, async ({ writers, subscribers }) => {
      const { db } = processes[0];
      const following = subscribers.map((breaks) => followWithBreaks(breaks));
      await Promise.all(following.map(({ begun }) => begun));

      const written = (await Promise.all(writers.map((transactions) => write(db, transactions)))).flat();
      await write(db, [[0]], LAST);
      await publish(db, { type: "run-queued", runId: "x" });

      for (const { seen } of following) expect((await seen).toSorted()).toEqual(written.toSorted());
      expect([...processes[0].errors, ...processes[1].errors]).toEqual([]);
    }),
    // Shrinking takes a minute for each step, and the plan is not what one looks at: the texts are.
    { numRuns: 6, endOnFailure: true },
  );
});

const LAST = "the last one";
const FOLLOW = `subscription ($after: String) { activity(filter: { types: [MESSAGE_ADDED] }, after: $after) { __typename
  ... on ActivityStarted { cursor } ... on MessageAdded { cursor message { text } } } }`;

/** Stores messages in transactions that overlap with those of others, some with a notice; gives back their texts. */
async function write(db: Db, transactions: readonly number[][], text?: string): Promise<string[]> {
  const thread = await insertThread(db);
  const texts: string[] = [];
  for (const pauses of transactions) {
    await db.transaction(async (tx) => {
      for (const pause of pauses) {
        const said = text ?? randomUUIDv7();
        const position = texts.push(said);
        await tx
          .insert(messages)
          .values({ threadId: thread.id, position, role: "user", text: said, visibleTo: "staff" });
        // Gives the others the word, for a while that the plan says.
        for (let left = pause; left > 0; left--) await turn();
      }
      if (pauses.length % 2 === 0) await publish(tx, { type: "run-changed", threadId: thread.id, runId: "x" });
    });
  }
  return texts;
}

function followWithBreaks(breaks: readonly (readonly [events: number, process: number])[]) {
  const begun = Promise.withResolvers<void>();
  const follow = async () => {
    const texts: string[] = [];
    let after: string | undefined;
    for (let part = 0; ; part++) {
      // After the last break the subscriber stays.
      const [events, process] = breaks[part] ?? [Number.POSITIVE_INFINITY, part % 2];
      const subscriber = await subscribe(processes[process === 0 ? 0 : 1], FOLLOW, { variables: { after } });
      for (let got = 0; got < events; got++) {
        const event = await subscriber.event();
        after = event.cursor;
        if (event.__typename === "ActivityStarted") begun.resolve();
        else if (event.message.text === LAST) {
          await subscriber.close();
          return texts;
        } else texts.push(event.message.text);
      }
      await subscriber.close();
    }
  };
  return { begun: begun.promise, seen: follow() };
}
