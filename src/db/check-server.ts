/**
 * Is this server fit for us? Asked once at start, so that what would fail later and oddly fails now, in one sentence.
 *
 * It changes nothing on the server, and never shows a password.
 */
import postgres, { type Sql } from "postgres";
import { StartupError } from "../errors.ts";
import type { Database } from "./client.ts";
import { errorCode } from "./error-code.ts";

export interface ServerCheck {
  /** As the server says it, "18.4". */
  readonly version: string;
  /** What works, but not well; each one sentence for the operator. */
  readonly warnings: readonly string[];
}

/**
 * Refuses, with a StartupError, a server that cannot be reached, is older than PostgreSQL 15, does not store UTF-8, only
 * reads, or stands behind a proxy that pools transactions.
 */
export async function checkServer(database: Database): Promise<ServerCheck> {
  const first = database.openSession("check");
  const second = database.openSession("check");
  try {
    await refuseTransactionPooling(first, second);
    return await inspect(first);
  } catch (error) {
    throw explain(error, first);
  } finally {
    await Promise.all([first.end({ timeout: 0 }), second.end({ timeout: 0 })]);
  }
}

/**
 * Session locks and LISTEN need a session of their own. Behind a proxy that pools transactions two open connections share a
 * backend, or one connection changes its own, as soon as both ask in turn.
 */
async function refuseTransactionPooling(first: Sql, second: Sql): Promise<void> {
  const own = await backendId(first);
  const other = await backendId(second);
  for (let round = 0; round < 3; round++) {
    const steady = (await backendId(first)) === own && (await backendId(second)) === other;
    if (own !== other && steady) continue;
    throw new StartupError(
      "DATABASE_URL leads through a proxy that pools transactions: give the direct address, or the one that pools sessions.",
    );
  }
}

/** As a simple query: a pooling proxy may not know prepared statements, and we want to see its sharing, not that. */
async function backendId(session: Sql): Promise<unknown> {
  const [row] = await session.unsafe("select pg_backend_pid() as id");
  return row?.id;
}

async function inspect(session: Sql): Promise<ServerCheck> {
  const [facts] = await session<Facts[]>`
    select current_setting('server_version') as version,
      current_setting('server_version_num')::int as number,
      current_setting('server_encoding') as encoding,
      current_setting('transaction_read_only') = 'on' as "readOnly"`;
  if (!facts) throw new StartupError("The database does not say what it is.");
  const { version, number, encoding, readOnly } = facts;
  if (number < 150_000) throw new StartupError(`PostgreSQL ${version} is too old: give 15 or newer.`);
  if (encoding !== "UTF8") throw new StartupError(`The database stores ${encoding}: give one that stores UTF8.`);
  if (readOnly) throw new StartupError("The database only reads: give the primary server, not a standby.");
  // Asked by itself: only a database that stores UTF-8 can read the question.
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
  'The database\'s collation does not know lower case beyond English, so a search for "đá xay" misses "ĐÁ XAY": create the database with a UTF-8 locale (not C).';

function explain(error: unknown, session: Sql): unknown {
  if (error instanceof StartupError) return error;
  const code = errorCode(error);
  if (code === undefined) return error;
  const place = describePlace(session);
  if (!(error instanceof postgres.PostgresError))
    return new StartupError(
      `Cannot reach the database at ${place} (${code}): is it running, and is DATABASE_URL right?`,
    );
  if (code === "28P01" || code === "28000")
    return new StartupError(`The database at ${place} does not let us in (${code}): ${error.message}.`);
  if (error.message.includes("unsupported startup parameter"))
    return new StartupError(
      `The proxy at ${place} says "${error.message}": add it to ignore_startup_parameters, or give the direct address.`,
    );
  return new StartupError(`The database at ${place} refuses (${code}): ${error.message}.`);
}

/** "host:port", or the socket; several when the URL names several. */
function describePlace({ options: { path, host, port } }: Sql): string {
  if (path) return path;
  return host.map((name, index) => `${name}:${port[index] ?? 5432}`).join(", ");
}
