/**
 * Checks once at start whether a server is suitable, so that a later, obscure failure becomes one clear sentence now.
 *
 * It changes nothing on the server, and never shows a password.
 */
import type { Sql } from "postgres";
import { StartupError } from "../errors.ts";
import { answerWithin } from "../process/timeout.ts";
import { checkRights } from "./check-rights.ts";
import type { Database } from "./client.ts";
import { CONNECTIONS, explainConnectionFailure, NO_SESSION, quoteName } from "./connection-failure.ts";
import { connectionError } from "./driver/connection-error.ts";
import type { Destination } from "./driver/target-options.ts";

export interface ServerCheck {
  /** As the server reports it, "18.4". */
  readonly version: string;
  /** What works, but not well; one sentence each, for the operator. */
  readonly warnings: readonly string[];
}

/**
 * Rejects, with a StartupError, a server that cannot be reached, is older than PostgreSQL 15, does not store UTF-8, is
 * read-only, or is behind a proxy with transaction pooling; and a database that this role cannot use.
 */
export async function checkServer(database: Database): Promise<ServerCheck> {
  const first = database.openSession("check");
  const second = database.openSession("check");
  try {
    await connect(first, database.destination);
    await rejectTransactionPooling(first, second);
    const check = await inspect(first);
    await checkRights(database.db);
    return check;
  } catch (error) {
    throw explainConnectionFailure(error, database.destination);
  } finally {
    await Promise.all([first.end({ timeout: 0 }), second.end({ timeout: 0 })]);
  }
}

/** How much longer all attempts to connect may take than one, in milliseconds. */
const CONNECT_MARGIN_MS = 500;

/** The driver connects again without end where each connection is closed before the server has said anything. */
async function connect(session: Sql, { connectTimeoutMs }: Destination): Promise<void> {
  const answer = readBackendId(session);
  if (connectTimeoutMs === null) await answer;
  else await answerWithin(connectTimeoutMs + CONNECT_MARGIN_MS, answer, noSession);
}

function noSession(): Error {
  return connectionError(NO_SESSION, "the server opens no session");
}

/**
 * Session locks and LISTEN need a session of their own. With transaction pooling two open connections share a backend, or
 * one connection changes its backend, as soon as both query in turn.
 */
async function rejectTransactionPooling(first: Sql, second: Sql): Promise<void> {
  const firstId = await readBackendId(first);
  const secondId = await readBackendId(second);
  for (let round = 0; round < 3; round++) {
    const isSteady = (await readBackendId(first)) === firstId && (await readBackendId(second)) === secondId;
    if (firstId !== secondId && isSteady) continue;
    throw new StartupError(
      "DATABASE_URL leads to a proxy with transaction pooling: use the server's direct address, or session pooling.",
    );
  }
}

/** A simple query: a proxy may not support prepared statements, and this check is about pooling only. */
async function readBackendId(session: Sql): Promise<unknown> {
  const [row] = await session.unsafe("select pg_backend_pid() as id");
  return row?.id;
}

async function inspect(session: Sql): Promise<ServerCheck> {
  const [facts] = await session<Facts[]>`
    select current_setting('server_version') as version,
      current_setting('server_version_num')::int as number,
      current_setting('server_encoding') as encoding,
      current_setting('transaction_read_only') = 'on' as "readOnly",
      pg_is_in_recovery() as "isStandby",
      current_user as "user"`;
  if (!facts) throw new StartupError("The database did not report its version.");
  const { version, number, encoding, readOnly, isStandby, user } = facts;
  if (number < 150_000) throw new StartupError(`PostgreSQL ${version} is too old: use version 15 or newer.`);
  if (encoding !== "UTF8")
    throw new StartupError(
      `The database's encoding is ${encoding}: use a database with the encoding UTF8 (createdb --template=template0 --encoding=UTF8 NAME).`,
    );
  if (isStandby) throw new StartupError("The database is read-only: use the primary server, not a standby.");
  if (readOnly)
    throw new StartupError(
      `The database is read-only, because default_transaction_read_only is on for the server, the database or the role: turn it off (ALTER ROLE ${quoteName(user)} SET default_transaction_read_only = off), or use another role.`,
    );
  // A query of its own: only a database that stores UTF-8 can parse it.
  const [text] = await session`select lower('ĐÁ XAY') = 'đá xay' as "isLower"`;
  return { version, warnings: [...(text?.isLower ? [] : [COLLATION_WARNING]), ...(await findLowLimits(session))] };
}

/** A warning for the lowest limit of connections, where it is too low for one process. The first two spare superusers. */
async function findLowLimits(session: Sql): Promise<string[]> {
  const [lowest] = await session<{ connections: number; kind: keyof typeof RAISE; name: string }[]>`
    select * from (
      select rolconnlimit as connections, 'role' as kind, rolname as name from pg_roles
        where rolname = current_user and not rolsuper
      union all select datconnlimit, 'database', datname from pg_database where datname = current_database()
        and not (select rolsuper from pg_roles where rolname = current_user)
      union all select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
        - coalesce(current_setting('reserved_connections', true), '0')::int, 'server', ''
    ) limits where connections between 0 and ${CONNECTIONS - 1}::int order by connections limit 1`;
  if (!lowest) return [];
  const { connections, kind, name } = lowest;
  return [
    `A process needs up to ${CONNECTIONS} connections, and may have ${connections} only: raise the limit (${RAISE[kind](quoteName(name))}).`,
  ];
}

const RAISE = {
  role: (name: string) => `ALTER ROLE ${name} CONNECTION LIMIT 100`,
  database: (name: string) => `ALTER DATABASE ${name} CONNECTION LIMIT 100`,
  server: () => "max_connections = 100 in postgresql.conf",
};

interface Facts {
  version: string;
  number: number;
  encoding: string;
  readOnly: boolean;
  isStandby: boolean;
  user: string;
}

const COLLATION_WARNING =
  'The database\'s collation lowercases English letters only, so a search for "đá xay" misses "ĐÁ XAY": create the database with a UTF-8 locale (not C).';
