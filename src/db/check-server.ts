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
import { CONNECTIONS, explainConnectionFailure, quoteName } from "./connection-failure.ts";

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
    await waitForAnswer(first, database.destination.place);
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

/** How much longer than a connection the first answer may take, in seconds. */
const FIRST_ANSWER_SECONDS = 2;

/** The driver connects again and again, without a pause, to a server that closes each connection. */
async function waitForAnswer(session: Sql, place: string): Promise<void> {
  const seconds = session.options.connect_timeout;
  const answer = readBackendId(session);
  // 0: the URL sets no limit.
  if (seconds === 0) return void (await answer);
  await answerWithin((seconds + FIRST_ANSWER_SECONDS) * 1_000, answer, () => {
    const question = "is it PostgreSQL, and does a proxy or a container's port in front of it lead to one?";
    return new StartupError(`The server at ${place} closes each connection, or gives no answer: ${question}`);
  });
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
      current_user as "user",
      least(
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
        (select nullif(datconnlimit, -1) from pg_database where datname = current_database()),
        (select nullif(rolconnlimit, -1) from pg_roles where rolname = current_user)
      ) as "maxConnections"`;
  if (!facts) throw new StartupError("The database did not report its version.");
  const { version, number, encoding, readOnly, isStandby, user, maxConnections } = facts;
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
  const warnings = text?.isLower ? [] : [COLLATION_WARNING];
  if (maxConnections < CONNECTIONS) warnings.push(describeLimit(maxConnections));
  return { version, warnings };
}

function describeLimit(maxConnections: number): string {
  return `The server, the database or the role allows ${maxConnections} connections, and a process needs up to ${CONNECTIONS}: raise max_connections, or the CONNECTION LIMIT of the database or the role.`;
}

interface Facts {
  version: string;
  number: number;
  encoding: string;
  readOnly: boolean;
  isStandby: boolean;
  user: string;
  /** The smallest limit of the server, the database and the role. */
  maxConnections: number;
}

const COLLATION_WARNING =
  'The database\'s collation lowercases English letters only, so a search for "đá xay" misses "ĐÁ XAY": create the database with a UTF-8 locale (not C).';
