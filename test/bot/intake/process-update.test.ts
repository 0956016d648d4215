/** Which failures count against an update. The database is a real one in a bad state; only what comes in is made up. */
import type { Update } from "@grammyjs/types";
import { eq } from "drizzle-orm";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createProcessUpdate, type ProcessUpdate } from "../../../src/bot/intake/process-update.ts";
import { connectDatabase, type Database } from "../../../src/db/client.ts";
import { receiveMessage } from "../../../src/db/queries/chat/conversations.ts";
import { saveStaffMember } from "../../../src/db/queries/chat/staff.ts";
import { isDatabaseUp } from "../../../src/db/queries/process/health.ts";
import { messages, staff } from "../../../src/db/schema/index.ts";
import { createTestDatabase, holdLocks, onTestServer, type TestDatabase } from "../../support/database.ts";

const CHAT = { type: "private", botId: 1, telegramId: 7_001, title: null } as const;
const AN = { telegramUserId: 7_001, name: "An", username: null, role: "staff" } as const;
const UPDATE: Update = { update_id: 1 };
/** More than the tries after which an update that fails by itself is given up. */
const MANY = 7;

let store: TestDatabase;
let intake: Database;
let authorId: string;
let processUpdate: ProcessUpdate;

beforeEach(async () => {
  store = await createTestDatabase();
  ({ id: authorId } = await saveStaffMember(store.db, AN));
  intake = connectDatabase(store.target, { poolSize: 2, statementTimeoutMs: 100 });
  processUpdate = createProcessUpdate({
    handle: async () => {
      await receiveMessage(intake.db, {
        chat: CHAT,
        topicId: null,
        updateId: UPDATE.update_id,
        author: { id: authorId, role: "staff" },
        language: "en",
        text: "beans?",
        forwarded: false,
        telegramMessageId: 11,
      });
    },
    giveUp: () => Promise.reject(new Error("nothing of this is given up")),
    isDatabaseUp: () => isDatabaseUp(intake.db),
    logger: pino({ level: "silent" }),
  });
});

afterEach(async () => {
  await intake.close();
  await store.close();
});

test("an update that waits for a lock longer than a statement may take is never given up", async () => {
  const release = await holdLocks(store.db, (tx) =>
    tx.select().from(staff).where(eq(staff.id, authorId)).for("update"),
  );

  const meanwhile = await tryTimes(MANY);
  await release();

  expect(meanwhile).toEqual(Array(MANY).fill(false));
  await expect.poll(() => processUpdate(UPDATE)).toBe(true);
  expect(await store.db.$count(messages)).toBe(1);
});

test("an update is not given up while the database only reads, and is taken in when it writes again", async () => {
  await setReadOnly(true);

  const meanwhile = await tryTimes(MANY);
  await setReadOnly(false);

  expect(meanwhile).toEqual(Array(MANY).fill(false));
  await expect.poll(() => processUpdate(UPDATE)).toBe(true);
  expect(await store.db.$count(messages)).toBe(1);
});

async function tryTimes(count: number): Promise<boolean[]> {
  const outcomes: boolean[] = [];
  for (let number = 0; number < count; number++) outcomes.push(await processUpdate(UPDATE));
  return outcomes;
}

/** As a standby is, or a server whose disk is nearly full: for connections that begin from now on. */
async function setReadOnly(isReadOnly: boolean): Promise<void> {
  const { name } = store;
  await onTestServer(
    (session) =>
      session`alter database ${session(name)} set default_transaction_read_only = ${session.unsafe(String(isReadOnly))}`,
  );
}
