import { randomUUIDv7 } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Db } from "../../../src/db/client.ts";
import { publish } from "../../../src/db/notify/notify.ts";
import { messages } from "../../../src/db/schema/index.ts";
import { insertThread } from "../../support/conversations.ts";
import { fc } from "../../support/property.ts";
import { type AdminClient, startAdminApi } from "../admin-client.ts";
import { subscribe } from "./subscriber.ts";

const WRITERS = 4;
const TRANSACTIONS = 12;
const SUBSCRIBERS = 4;

/** Like two processes: each has its own hub and connections, on one database. */
let processes: [AdminClient, AdminClient];
beforeAll(async () => {
  const first = await startAdminApi();
  processes = [first, await startAdminApi({ shared: first.testDatabase })];
});
afterAll(async () => {
  await processes[1].close();
  await processes[0].close();
});

/** Per writer the transactions, and per message in them the pause after it, in turns of the event loop. */
const plan = fc.record({
  writers: fc.array(
    fc.array(fc.array(fc.nat(20), { minLength: 1, maxLength: 4 }), {
      minLength: TRANSACTIONS,
      maxLength: TRANSACTIONS,
    }),
    { minLength: WRITERS, maxLength: WRITERS },
  ),
  /** After how many events each subscriber disconnects, and at which process it was connected. */
  subscribers: fc.array(fc.array(fc.tuple(fc.integer({ min: 1, max: 25 }), fc.nat(1)), { minLength: 1 }), {
    minLength: SUBSCRIBERS,
    maxLength: SUBSCRIBERS,
  }),
});

test("each message comes exactly once, in any order of commits and with any reconnects", async () => {
  await fc.assert(
    fc.asyncProperty(plan, async ({ writers, subscribers }) => {
      const { db } = processes[0];
      const reading = subscribers.map((breaks) => readWithBreaks(breaks));
      await Promise.all(reading.map(({ started }) => started));

      const written = (await Promise.all(writers.map((transactions) => write(db, transactions)))).flat();
      await write(db, [[0]], LAST);
      await publish(db, { type: "run-queued", runId: "x" });

      for (const { texts } of reading) expect((await texts).toSorted()).toEqual(written.toSorted());
      expect([...processes[0].errors, ...processes[1].errors]).toEqual([]);
    }),
    // Shrinking would take a minute per step, and the texts show more than a smaller plan.
    { numRuns: 6, endOnFailure: true },
  );
});

const LAST = "the last one";
const SUBSCRIPTION = `subscription ($after: String) { activity(filter: { types: [MESSAGE_ADDED] }, after: $after) { __typename
  ... on ActivityStarted { cursor } ... on MessageAdded { cursor message { text } } } }`;

/** Stores messages in transactions that overlap with others, some with a notice. Returns their texts. */
async function write(db: Db, transactions: readonly number[][], text?: string): Promise<string[]> {
  const thread = await insertThread(db);
  const texts: string[] = [];
  for (const pauses of transactions) {
    await db.transaction(async (tx) => {
      for (const pause of pauses) {
        const written = text ?? randomUUIDv7();
        const position = texts.push(written);
        await tx
          .insert(messages)
          .values({ threadId: thread.id, position, role: "user", text: written, visibleTo: "staff" });
        // Lets other writers run, as long as the plan says.
        for (let left = pause; left > 0; left--) await turn();
      }
      if (pauses.length % 2 === 0) await publish(tx, { type: "run-changed", threadId: thread.id, runId: "x" });
    });
  }
  return texts;
}

function readWithBreaks(breaks: readonly (readonly [events: number, process: number])[]) {
  const started = Promise.withResolvers<void>();
  const read = async () => {
    const texts: string[] = [];
    let after: string | undefined;
    for (let part = 0; ; part++) {
      // After the last break the subscriber stays connected.
      const [events, process] = breaks[part] ?? [Number.POSITIVE_INFINITY, part % 2];
      const subscriber = await subscribe(processes[process === 0 ? 0 : 1], SUBSCRIPTION, { variables: { after } });
      for (let count = 0; count < events; count++) {
        const event = await subscriber.event();
        after = event.cursor;
        if (event.__typename === "ActivityStarted") started.resolve();
        else if (event.message.text === LAST) {
          await subscriber.close();
          return texts;
        } else texts.push(event.message.text);
      }
      await subscriber.close();
    }
  };
  return { started: started.promise, texts: read() };
}
