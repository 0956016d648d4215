/** The migration that separates the sandbox's data, on a database of the version before it. */
import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, expect, inject, test } from "vitest";
import { connectDatabase, type Database, openSession } from "../../src/db/client.ts";
import { migrateDatabase } from "../../src/db/migrate.ts";
import { dropTestDatabase, onTestServer } from "../support/database.ts";

const MIGRATIONS = fileURLToPath(new URL("../../drizzle", import.meta.url));
const SANDBOX_BOT = 2 ** 52;
const SANDBOX_OWNER = SANDBOX_BOT + 1;
/** Row ids from numbers. */
const id = (number: number) => `01990000-0000-7000-8000-${String(number).padStart(12, "0")}`;
const hash = (number: number) => Buffer.alloc(32, number);

let earlier = "";
let name = "";
let database: Database;
let session: ReturnType<typeof openSession>;

beforeAll(async () => {
  earlier = await mkdtemp(join(tmpdir(), "counterhand-migrations-"));
  const before = (await readdir(MIGRATIONS)).filter((folder) => !folder.endsWith("_sandbox_apart"));
  for (const folder of before) await cp(join(MIGRATIONS, folder), join(earlier, folder), { recursive: true });
});
afterAll(() => rm(earlier, { recursive: true, force: true }));

beforeEach(async () => {
  const { socketDir, user } = inject("testServer");
  name = `before_${process.pid}_${Math.random().toString(36).slice(2)}`;
  await onTestServer((server) => server`create database ${server(name)}`);
  const target = { socketDir, user, database: name };
  database = connectDatabase(target);
  session = openSession(target, "test");
  await migrateDatabase(database, { migrationsFolder: earlier });
  return async () => {
    await Promise.all([session.end(), database.close()]);
    await dropTestDatabase(name);
  };
});

interface Person {
  telegramUserId: number;
  role?: string;
  invitedBy?: number;
}

async function insertPeople(people: Record<number, Person>) {
  for (const [number, { telegramUserId, role = "staff", invitedBy }] of Object.entries(people)) {
    await session`insert into staff (id, telegram_user_id, name, role, invited_by, created_at)
      values (${id(Number(number))}, ${telegramUserId}, ${`Person ${number}`}, ${role}, ${invitedBy ? id(invitedBy) : null}, '2026-11-01')`;
  }
}

async function insertInvite(
  number: number,
  { createdBy, usedBy, usedAt = "2026-11-02" }: { createdBy: number | null; usedBy?: number; usedAt?: string },
) {
  await session`insert into invites (id, code_hash, role, created_by, expires_at, used_at, used_by)
    values (${id(number)}, ${hash(number)}, 'owner', ${createdBy && id(createdBy)}, now() + interval '1 day',
      ${usedBy ? usedAt : null}, ${usedBy ? id(usedBy) : null})`;
}

async function insertChat(number: number, botId: number, createdAt: string, lastActivityAt = createdAt) {
  await session`insert into chats (id, bot_id, telegram_id, type, created_at)
    values (${id(number)}, ${botId}, ${number}, 'private', ${createdAt})`;
  await session`insert into threads (id, chat_id, created_at, last_activity_at)
    values (${id(number)}, ${id(number)}, ${createdAt}, ${lastActivityAt})`;
}

async function insertToken(number: number, createdAt: string) {
  await session`insert into admin_tokens (id, name, token_hash, created_at)
    values (${id(number)}, ${`of ${createdAt}`}, ${hash(number)}, ${createdAt})`;
}

const tokensOfSandbox = () => session`select name from admin_tokens where sandbox order by name`;
const presentPeople = () => session`select name from staff where removed_at is null order by name`;

test("people invited through the sandbox, directly or not, lose access, and all others keep it", async () => {
  await insertPeople({
    1: { telegramUserId: SANDBOX_OWNER, role: "owner" },
    2: { telegramUserId: 102, role: "owner", invitedBy: 1 },
    3: { telegramUserId: 103, invitedBy: 2 },
    4: { telegramUserId: 104, role: "owner" },
    5: { telegramUserId: 105, invitedBy: 4 },
    // Invited by a real owner, and promoted by the sandbox's.
    6: { telegramUserId: 106, role: "owner", invitedBy: 4 },
  });
  await insertInvite(11, { createdBy: 1, usedBy: 6 });

  await migrateDatabase(database);

  expect([...(await presentPeople())]).toEqual([{ name: "Person 1" }, { name: "Person 4" }, { name: "Person 5" }]);
});

test("people invited by the sandbox and later by a real owner keep the real owner's role", async () => {
  await insertPeople({
    1: { telegramUserId: SANDBOX_OWNER, role: "owner" },
    2: { telegramUserId: 102, role: "owner" },
    3: { telegramUserId: 103, role: "manager", invitedBy: 1 },
    4: { telegramUserId: 104, invitedBy: 3 },
  });
  await insertInvite(11, { createdBy: 1, usedBy: 3, usedAt: "2026-11-02" });
  await insertInvite(12, { createdBy: 2, usedBy: 3, usedAt: "2026-11-03" });

  await migrateDatabase(database);

  expect([...(await presentPeople())].map((row) => row.name)).toEqual(["Person 1", "Person 2", "Person 3", "Person 4"]);
});

test("runs of people who lose access are stopped, and nothing more is delivered to them in private", async () => {
  await insertPeople({ 1: { telegramUserId: SANDBOX_OWNER, role: "owner" }, 2: { telegramUserId: 102, invitedBy: 1 } });
  await insertChat(21, 42, "2026-11-02");
  for (const [number, status] of [
    [1, "queued"],
    [2, "in_progress"],
    [3, "completed"],
  ] as const) {
    const isRunning = status === "in_progress";
    await session`insert into runs (id, thread_id, position, status, asker_id, asker_role, language, worker_id, lease_until, completed_at)
      values (${id(30 + number)}, ${id(21)}, ${number}, ${status}, ${id(2)}, 'staff', 'en', ${isRunning ? 1 : null},
        ${isRunning ? "2026-11-02" : null}, ${status === "completed" ? "2026-11-02" : null})`;
    await session`insert into replies (id, run_id, chat_id, final_text)
      values (${id(40 + number)}, ${id(30 + number)}, ${id(21)}, ${status === "completed" ? "Answer" : null})`;
  }

  await migrateDatabase(database);

  const rows =
    await session`select runs.status as run, stop_requested_at is not null as stopped, replies.status as reply
    from runs join replies on replies.run_id = runs.id order by position`;
  expect([...rows]).toEqual([
    { run: "cancelled", stopped: true, reply: "delivered" },
    { run: "in_progress", stopped: true, reply: "pending" },
    { run: "completed", stopped: false, reply: "failed" },
  ]);
});

test("unused invites for the first owner expire; a used one and those of owners stay", async () => {
  await insertPeople({ 4: { telegramUserId: 104, role: "owner" } });
  await insertInvite(11, { createdBy: null });
  await insertInvite(12, { createdBy: null });
  await insertInvite(13, { createdBy: null, usedBy: 4 });
  await insertInvite(14, { createdBy: 4 });

  await migrateDatabase(database);

  const ended = await session`select id from invites where expires_at <= now() order by id`;
  expect([...ended]).toEqual([{ id: id(11) }, { id: id(12) }]);
});

test("the sandbox's chats get its new bot id, and real bots are recorded from theirs", async () => {
  await insertChat(21, 1_000, "2026-11-02");
  await insertChat(22, 42, "2026-11-04");
  await insertChat(23, 42, "2026-11-03");
  await session`insert into updates_seen (bot_id, update_id) values (1000, 7), (42, 7)`;
  await session`insert into pollers (bot_id, worker_id) values (1000, 1), (42, 2)`;

  await migrateDatabase(database);

  const seen = await session`select bot_id::text from updates_seen order by bot_id`;
  expect([...(await session`select bot_id::text, telegram_id::int from chats order by telegram_id`)]).toEqual([
    { bot_id: String(SANDBOX_BOT), telegram_id: 21 },
    { bot_id: "42", telegram_id: 22 },
    { bot_id: "42", telegram_id: 23 },
  ]);
  expect([...seen]).toEqual([{ bot_id: "42" }, { bot_id: String(SANDBOX_BOT) }]);
  expect([...(await session`select bot_id::int from pollers`)]).toEqual([{ bot_id: 42 }]);
  expect([...(await session`select id::int, first_started_at from real_bots`)]).toEqual([
    { id: 42, first_started_at: new Date("2026-11-03") },
  ]);
});

test("tokens from the time of the sandbox become its own; later ones stay real", async () => {
  await insertChat(21, 1_000, "2026-11-02", "2026-11-05");
  await insertChat(22, 42, "2026-11-10");
  for (const [number, day] of ["2026-11-01", "2026-11-05", "2026-11-07", "2026-11-11"].entries()) {
    await insertToken(number + 1, day);
  }

  await migrateDatabase(database);

  // The token of the 7th was created before any real chat.
  expect([...(await tokensOfSandbox())].map((row) => row.name)).toEqual([
    "of 2026-11-01",
    "of 2026-11-05",
    "of 2026-11-07",
  ]);
});

test("a token created after the real bot's first staff member stays real, even without a chat", async () => {
  await insertChat(21, 1_000, "2026-10-02");
  await insertPeople({ 2: { telegramUserId: 102, role: "owner" } });
  await insertToken(1, "2026-10-31");
  await insertToken(2, "2026-11-02");

  await migrateDatabase(database);

  expect([...(await tokensOfSandbox())].map((row) => row.name)).toEqual(["of 2026-10-31"]);
});

test("without a sandbox all tokens stay real", async () => {
  await insertToken(1, "2026-11-01");

  await migrateDatabase(database);

  expect([...(await tokensOfSandbox())]).toEqual([]);
});

test("in a demo shop's database all tokens belong to the sandbox", async () => {
  await insertPeople({ 1: { telegramUserId: SANDBOX_BOT + 2 } });
  await insertToken(1, "2026-11-20");

  await migrateDatabase(database);

  expect([...(await tokensOfSandbox())]).toEqual([{ name: "of 2026-11-20" }]);
});
