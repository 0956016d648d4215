import { randomUUID } from "node:crypto";
import type { Sql } from "postgres";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { loadConfig } from "../../src/config.ts";
import { connectDatabase, openSession } from "../../src/db/client.ts";
import { openDatabase } from "../../src/db/open.ts";
import { takeWorkerLock } from "../../src/db/worker-lock.ts";
import { StartupError } from "../../src/errors.ts";
import { createTestDatabase, dropTestDatabase, onTestServer } from "../support/database.ts";
import { createCapturedLog } from "../support/log.ts";

const id = randomUUID().replaceAll("-", "").slice(0, 12);
/** An empty database that belongs to the server's superuser, and a role that may only log in to it. */
const NAME = `shop_${id}`;
const ROLE = `clerk_${id}`;
const OWNER = `boss_${id}`;

beforeEach(() =>
  onTestServer(async (session) => {
    await session.unsafe(`create role ${ROLE} login`);
    await session.unsafe(`create role ${OWNER} login`);
    await session.unsafe(`create database ${NAME} template template0`);
  }),
);

afterEach(async () => {
  await dropTestDatabase(NAME);
  await onTestServer((session) => session.unsafe(`drop role ${ROLE}; drop role ${OWNER}`));
});

/** Opens the database as `role`, as each command does, and closes it. */
async function open(role: string, { query = "", name = NAME } = {}): Promise<void> {
  const DATABASE_URL = `postgres://${role}@/${name}?host=${inject("testServer").socketDir}${query}`;
  const opened = await openDatabase(loadConfig({ DATABASE_URL }, "no-file"), createCapturedLog().logger);
  await opened.close();
}

/** The message with which the start ends. */
async function refusal(role: string, options = {}): Promise<string> {
  const error = await open(role, options).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof StartupError)) throw new Error("no refusal", { cause: error });
  return error.message;
}

async function onDatabase(work: (session: Sql) => Promise<unknown>): Promise<void> {
  const session = openSession({ ...inject("testServer"), database: NAME }, "test setup");
  try {
    await work(session);
  } finally {
    await session.end();
  }
}

/** Runs the statements that a message gives. */
async function obey(message: string): Promise<void> {
  const [, statements = ""] = /: ((?:GRANT|ALTER) .*)\.$/.exec(message) ?? [];
  await onDatabase((session) => session.unsafe(statements));
}

/** Takes a worker's number, as every start of the bot does. */
async function takeNumber(role: string, query: string): Promise<void> {
  const url = `postgres://${role}@/${NAME}?host=${inject("testServer").socketDir}${query}`;
  const database = connectDatabase({ url });
  try {
    const lock = await takeWorkerLock(database, { botId: null, onLost: () => undefined });
    await lock.release();
  } finally {
    await database.close();
  }
}

const lacks = (rights: string) =>
  `The role ${ROLE} lacks rights in the database ${NAME}. Run there, as the owner of its tables or as a superuser: ${rights}.`;

test("a role that may create neither in the schema nor in the database hears the statements that it needs, and they are enough", async () => {
  const message = await refusal(ROLE);

  expect(message).toBe(lacks(`GRANT CREATE ON SCHEMA public TO ${ROLE}; GRANT CREATE ON DATABASE ${NAME} TO ${ROLE}`));
  await obey(message);
  await open(ROLE);
});

test("after GRANT ALL ON DATABASE, as in many tutorials, only the right on the schema is missing", async () => {
  await onDatabase((session) => session.unsafe(`grant all on database ${NAME} to ${ROLE}`));

  const message = await refusal(ROLE);

  expect(message).toBe(lacks(`GRANT CREATE ON SCHEMA public TO ${ROLE}`));
  await obey(message);
  await open(ROLE);
});

test("a refused start changes nothing", async () => {
  await refusal(ROLE);

  await onDatabase(async (session) => {
    const made = await session`select nspname from pg_namespace where nspname = 'drizzle'
      union all select relname from pg_class where relnamespace = 'public'::regnamespace`;
    expect([...made]).toEqual([]);
  });
});

test("the owner of the database needs nothing else", async () => {
  await onDatabase((session) => session.unsafe(`alter database ${NAME} owner to ${ROLE}`));

  await open(ROLE);
});

test("several first starts at once all succeed: the tables of one are not another program's", async () => {
  const { user } = inject("testServer");

  const starts = await Promise.allSettled(Array.from({ length: 6 }, () => open(user)));

  expect(starts.map(({ status }) => status)).toEqual(Array(6).fill("fulfilled"));
});

test("on an up to date database a role that only reads hears what it needs, and needs no right to create", async () => {
  await onDatabase((session) => session.unsafe(`alter database ${NAME} owner to ${OWNER}`));
  await open(OWNER);
  await onDatabase((session) =>
    session.unsafe(`grant select on all tables in schema public to ${ROLE}; grant usage on schema drizzle to ${ROLE};
      grant select on all tables in schema drizzle to ${ROLE}`),
  );

  const message = await refusal(ROLE);

  expect(message).toBe(
    lacks(
      `GRANT USAGE ON SCHEMA public, drizzle TO ${ROLE}; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${ROLE}; GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO ${ROLE}; GRANT SELECT ON ALL TABLES IN SCHEMA drizzle TO ${ROLE}`,
    ),
  );
  await obey(message);
  await open(ROLE);
});

test("a role that may not even see what was migrated hears the same", async () => {
  await open(inject("testServer").user);

  const message = await refusal(ROLE);

  expect(message).toContain("GRANT USAGE ON SCHEMA public, drizzle TO");
  await obey(message);
  await open(ROLE);
});

test("an upgrade as a role that does not own the tables names their owner", async () => {
  await onDatabase((session) => session.unsafe(`alter database ${NAME} owner to ${OWNER}`));
  await open(OWNER);
  await onDatabase(async (session) => {
    await session`delete from drizzle.__drizzle_migrations where id = (select max(id) from drizzle.__drizzle_migrations)`;
    await session.unsafe(`drop table real_bots; grant usage on schema drizzle to ${ROLE};
      grant select on all tables in schema drizzle to ${ROLE}`);
  });

  const message = await refusal(ROLE);

  expect(message).toBe(
    lacks(
      `GRANT CREATE ON SCHEMA public TO ${ROLE}; GRANT CREATE ON DATABASE ${NAME} TO ${ROLE}; GRANT ${OWNER} TO ${ROLE}`,
    ),
  );
});

test("a role without the right to temporary tables, which imports need, is told so", async () => {
  await onDatabase((session) =>
    session.unsafe(`alter database ${NAME} owner to ${OWNER}; grant all on schema public to ${ROLE};
      grant create on database ${NAME} to ${ROLE}; revoke temporary on database ${NAME} from public`),
  );

  expect(await refusal(ROLE)).toBe(lacks(`GRANT TEMPORARY ON DATABASE ${NAME} TO ${ROLE}`));
});

test("a database that holds another program's table is refused, and the table stays", async () => {
  await onDatabase((session) => session`create table products (id int)`);

  expect(await refusal(inject("testServer").user)).toBe(
    `The database ${NAME} already has a table products, which is not Counterhand's: create a database for Counterhand alone (createdb counterhand), and set DATABASE_URL to it.`,
  );
  await onDatabase((session) => session`select id from products`);
});

test("a view with the name of a table is refused, and tables with other names are not", async () => {
  await onDatabase((session) =>
    session.unsafe("create table orders (id int); create view staff as select id from orders"),
  );
  expect(await refusal(inject("testServer").user)).toContain("already has a table staff, which is not Counterhand's");
  await onDatabase((session) => session`drop view staff`);

  await open(inject("testServer").user);
});

test("a database with the migrations of another program is refused, also of one with an older Drizzle", async () => {
  await onDatabase((session) =>
    session.unsafe(`create schema drizzle; create table drizzle.__drizzle_migrations (id serial, hash text, created_at bigint);
      insert into drizzle.__drizzle_migrations (hash, created_at) values ('a', 1)`),
  );

  expect(await refusal(inject("testServer").user)).toContain("the record of another program's migrations");
});

test("what the check does not foresee is told in the server's words, as one sentence", async () => {
  await onDatabase((session) => session`create type run_status as enum ('on', 'off')`);

  expect(await refusal(inject("testServer").user)).toBe(
    'The database could not be brought up to date, and was not changed (42710): type "run_status" already exists.',
  );
});

test("a search path without the schema of the tables is named", async () => {
  const { user } = inject("testServer");
  await open(user);
  await onDatabase((session) => session`create schema other`);

  expect(await refusal(user, { query: "&options=-c%20search_path%3Dother" })).toContain(
    `Counterhand's tables are in no schema of the search_path of the role ${user} (other): add theirs`,
  );
  expect(await refusal(user, { query: "&options=-c%20search_path%3Dmissing" })).toContain(
    `The role ${user} may use no schema of its search_path (missing)`,
  );
});

test("a schema of one's own by search_path is enough, and its tables are missed where that is no longer set", async () => {
  await onDatabase((session) =>
    session.unsafe(`alter database ${NAME} owner to ${ROLE}; create schema shop authorization ${ROLE}`),
  );
  const query = "&options=-c%20search_path%3Dshop";
  await open(ROLE, { query });

  await takeNumber(ROLE, query);
  expect(await refusal(ROLE)).toContain("Counterhand's tables are in no schema of the search_path");
});

test("a role that only reads a schema of one's own hears what it needs there and for the numbers in public", async () => {
  await onDatabase((session) =>
    session.unsafe(`alter database ${NAME} owner to ${OWNER}; create schema shop authorization ${OWNER};
      grant usage on schema shop to ${ROLE}; revoke all on schema public from public; grant all on schema public to ${OWNER}`),
  );
  const query = "&options=-c%20search_path%3Dshop";
  await open(OWNER, { query });

  const message = await refusal(ROLE, { query });

  expect(message).toContain(`GRANT USAGE ON SCHEMA shop, public, drizzle TO ${ROLE}`);
  await obey(message);
  await open(ROLE, { query });
  await takeNumber(ROLE, query);
});

test("row-level security that hides rows from the role is refused with the statements that end it", async () => {
  const { user } = inject("testServer");
  await open(user);
  await onDatabase((session) => session.unsafe("alter table workers enable row level security"));
  await obey(await refusal(ROLE));

  const message = await refusal(ROLE);

  expect(message).toBe(
    `Row-level security hides rows from the role ${ROLE}. Run in the database ${NAME}, as the owner of its tables: ALTER TABLE workers DISABLE ROW LEVEL SECURITY.`,
  );
  await obey(message);
  await open(ROLE);
});

test("Counterhand's own tables without the record of their migrations are told apart from another program's", async () => {
  const { user } = inject("testServer");
  await open(user);
  await onDatabase((session) => session.unsafe("drop schema drizzle cascade"));

  expect(await refusal(user)).toBe(
    `The database ${NAME} has Counterhand's tables without the schema drizzle, the record of what was done to them: bring it from where they were dumped (pg_dump -n drizzle OLD | psql ${NAME}), or dump again without -n.`,
  );
});

test("a limit of connections that is too low is a warning", async () => {
  await onDatabase((session) => session.unsafe(`alter database ${NAME} owner to ${ROLE}`));
  await onTestServer((session) => session.unsafe(`alter role ${ROLE} connection limit 30`));
  const log = createCapturedLog();

  const DATABASE_URL = `postgres://${ROLE}@/${NAME}?host=${inject("testServer").socketDir}`;
  const opened = await openDatabase(loadConfig({ DATABASE_URL }, "no-file"), log.logger);
  await opened.close();

  expect(JSON.stringify(log.lines())).toContain("allows 30 connections, and a process needs up to 43");
});

test("a role, a database or a server that only reads is told how to write", async () => {
  await onTestServer((session) => session.unsafe(`alter role ${ROLE} set default_transaction_read_only = on`));

  expect(await refusal(ROLE)).toBe(
    `The database is read-only, because default_transaction_read_only is on for the server, the database or the role: turn it off (ALTER ROLE ${ROLE} SET default_transaction_read_only = off), or use another role.`,
  );
});

test("names that need quotes get them", async () => {
  const role = `Cô "Lan" ${id}`;
  const quoted = `"Cô ""Lan"" ${id}"`;
  await onTestServer((session) => session.unsafe(`create role ${quoted} login`));
  try {
    expect(await refusal(encodeURIComponent(role))).toContain(`GRANT CREATE ON SCHEMA public TO ${quoted};`);
  } finally {
    await onTestServer((session) => session.unsafe(`drop role ${quoted}`));
  }
});

test("a refused login says what to mend", async () => {
  await onTestServer((session) => session.unsafe(`alter role ${ROLE} nologin`));
  expect(await refusal(ROLE)).toMatch(
    /rejects the login \(28000\): role .* is not permitted to log in\. Allow it: ALTER ROLE clerk_\w+ LOGIN\.$/,
  );
  await onTestServer((session) => session.unsafe(`alter role ${ROLE} login connection limit 0`));
  expect(await refusal(ROLE)).toMatch(
    /rejects the connection \(53300\): too many connections for role .*\. A process needs up to 43/,
  );
  // Enough for the first connections of a start, and not for its pool.
  await onTestServer((session) => session.unsafe(`alter role ${ROLE} connection limit 2`));
  expect(await refusal(ROLE)).toContain("too many connections for role");
  await onTestServer((session) => session.unsafe(`alter role ${ROLE} connection limit -1`));
  await onTestServer((session) => session.unsafe(`revoke connect on database ${NAME} from public`));
  expect(await refusal(ROLE)).toContain(`Let it in: GRANT ALL ON DATABASE ${NAME} TO ${ROLE}.`);
  expect(await refusal(`nobody_${id}`)).toContain(`Create it (createuser --pwprompt nobody_${id})`);
  expect(await refusal(OWNER, { name: `nowhere_${id}` })).toContain(`createdb --owner=${OWNER} nowhere_${id}`);
});

test("any other refusal ends with a general mend", async () => {
  const general = / Correct DATABASE_URL, or what this server allows\.$/;

  expect(await refusal(ROLE, { name: "template0" })).toMatch(/\(55000\): .*not currently accepting connections\./);
  for (const options of ["-c nothing=1", "--nothing", "-c work_mem=much"]) {
    expect(await refusal(ROLE, { query: `&options=${encodeURIComponent(options)}` })).toMatch(general);
  }
  expect(await refusal(ROLE, { name: "template0" })).toMatch(general);
});

test("the test database of this suite passes the check, and a second start as well", async () => {
  const store = await createTestDatabase();
  try {
    await open(store.target.user, { name: store.name });
    await open(store.target.user, { name: store.name });
  } finally {
    await store.close();
  }
});
