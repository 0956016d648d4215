/**
 * Checks once at start whether a server is suitable, so that a later, obscure failure becomes one clear sentence now.
 *
 * It changes nothing on the server, and never shows a password.
 */
import postgres, { type Sql } from "postgres";
import { StartupError } from "../errors.ts";
import type { Database } from "./client.ts";
import { errorCode } from "./error-code.ts";

export interface ServerCheck {
  /** As the server reports it, "18.4". */
  readonly version: string;
  /** What works, but not well; one sentence each, for the operator. */
  readonly warnings: readonly string[];
}

/**
 * Rejects, with a StartupError, a server that cannot be reached, is older than PostgreSQL 15, does not store UTF-8, is
 * read-only, or is behind a proxy with transaction pooling.
 */
export async function checkServer(database: Database): Promise<ServerCheck> {
  const first = database.openSession("check");
  const second = database.openSession("check");
  try {
    await rejectTransactionPooling(first, second);
    return await inspect(first);
  } catch (error) {
    throw toStartupError(error, first);
  } finally {
    await Promise.all([first.end({ timeout: 0 }), second.end({ timeout: 0 })]);
  }
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
      current_setting('transaction_read_only') = 'on' as "readOnly"`;
  if (!facts) throw new StartupError("The database did not report its version.");
  const { version, number, encoding, readOnly } = facts;
  if (number < 150_000) throw new StartupError(`PostgreSQL ${version} is too old: use version 15 or newer.`);
  if (encoding !== "UTF8")
    throw new StartupError(`The database's encoding is ${encoding}: use a database with the encoding UTF8.`);
  if (readOnly) throw new StartupError("The database is read-only: use the primary server, not a standby.");
  // A query of its own: only a database that stores UTF-8 can parse it.
  const [text] = await session`select lower('ĐÁ XAY') = 'đá xay' as "isLower"`;
  return { version, warnings: text?.isLower ? [] : [COLLATION_WARNING] };
}

interface Facts {
  version: string;
  number: number;
  encoding: string;
  readOnly: boolean;
}

const COLLATION_WARNING =
  'The database\'s collation lowercases English letters only, so a search for "đá xay" misses "ĐÁ XAY": create the database with a UTF-8 locale (not C).';

function toStartupError(error: unknown, session: Sql): unknown {
  if (error instanceof StartupError) return error;
  const code = errorCode(error);
  if (code === undefined) return error;
  const place = describePlace(session);
  if (!(error instanceof postgres.PostgresError))
    return new StartupError(
      `Cannot reach the database at ${place} (${code}): is it running, and is DATABASE_URL correct?`,
    );
  if (code === "28P01" || code === "28000")
    return new StartupError(
      `The database at ${place} rejects the login (${code}): ${error.message}. Check the user and password in DATABASE_URL.`,
    );
  if (error.message.includes("unsupported startup parameter"))
    return new StartupError(
      `The proxy at ${place} reports "${error.message}": add the parameter to ignore_startup_parameters, or use the server's direct address.`,
    );
  return new StartupError(`The database at ${place} rejects the connection (${code}): ${error.message}.`);
}

/** "host:port", or the socket; several when the URL names several. */
function describePlace({ options: { path, host, port } }: Sql): string {
  if (path) return path;
  return host.map((name, index) => `${name}:${port[index] ?? 5432}`).join(", ");
}
