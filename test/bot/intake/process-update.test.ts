/** Which failures count against an update. The database is real, in a bad state. */
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
/** More than the tries after which a faulty update is skipped. */
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
    reportFailure: () => Promise.reject(new Error("no update is skipped here")),
    isDatabaseUp: () => isDatabaseUp(intake.db),
    logger: pino({ level: "silent" }),
  });
});

afterEach(async () => {
  await intake.close();
  await store.close();
});

test("an update that waits for a lock until the statement timeout is never skipped", async () => {
  const release = await holdLocks(store.db, (tx) =>
    tx.select().from(staff).where(eq(staff.id, authorId)).for("update"),
  );

  const meanwhile = await tryTimes(MANY);
  await release();

  expect(meanwhile).toEqual(Array(MANY).fill(false));
  await expect.poll(() => processUpdate(UPDATE)).toBe(true);
  expect(await store.db.$count(messages)).toBe(1);
});

test("an update is not skipped while the database is read-only, and is stored when it is writable again", async () => {
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

/** Like a standby, or a server with a full disk. For new connections. */
async function setReadOnly(isReadOnly: boolean): Promise<void> {
  const { name } = store;
  await onTestServer(
    (session) =>
      session`alter database ${session(name)} set default_transaction_read_only = ${session.unsafe(String(isReadOnly))}`,
  );
}
