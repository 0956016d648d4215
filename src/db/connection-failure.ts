/** Why a first connection failed, as one sentence with what to do. It quotes the server's message, and never a password. */
import postgres from "postgres";
import { StartupError } from "../errors.ts";
import type { Destination } from "./driver/target-options.ts";
import { findCodedError } from "./error-code.ts";

/** A StartupError for what an operator can mend; any other error as it is. */
export function explainConnectionFailure(error: unknown, destination: Destination): unknown {
  // Drizzle wraps the driver's errors.
  const coded = findCodedError(error);
  if (error instanceof StartupError || coded === undefined) return error;
  const isServers = coded instanceof postgres.PostgresError;
  const explain = isServers ? explainRefusal : explainNetworkFailure;
  return new StartupError(explain(coded.code, coded.message, destination), isServers ? { cause: coded } : {});
}

/** Node's codes for a certificate that does not fit: "UNABLE_TO_VERIFY_LEAF_SIGNATURE", "ERR_TLS_CERT_ALTNAME_INVALID". */
const CERTIFICATE = /CERT|SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH/;

/** What a server that is not PostgreSQL does, or one without TLS with the first bytes of it. */
const CLOSED = /^(ECONNRESET|EPIPE|ERR_SSL.*)$/;
/** They ask for TLS, and never go on without it. */
const NEEDS_TLS = /^(require|verify-ca|verify-full)$/;

function explainNetworkFailure(code: string, message: string, { place, sslMode }: Destination): string {
  if (CERTIFICATE.test(code))
    return `The certificate of the database at ${place} is not accepted (${code}): ${endless(message)}. Give its authority in DATABASE_URL (sslrootcert=FILE), or the name that it is made out to.`;
  if (code === "ENOTFOUND" || code === "EAI_AGAIN")
    return `The name of the database's host cannot be found (${place}, ${code}): correct the host in DATABASE_URL.`;
  if (CLOSED.test(code) && NEEDS_TLS.test(sslMode))
    return `The database at ${place} closes the connection (${code}): it may have no TLS, so try sslmode=prefer in DATABASE_URL. Or no PostgreSQL server is at that port.`;
  if (CLOSED.test(code)) {
    const mend = sslMode === "disable" ? "" : " If it is one without TLS, add sslmode=disable to DATABASE_URL.";
    return `The server at ${place} closes the connection (${code}): is a PostgreSQL server there, at that port?${mend}`;
  }
  return `Cannot reach the database at ${place} (${code}): is it running, and is DATABASE_URL correct?`;
}

interface Mend {
  /** A SQLSTATE of PostgreSQL, or the message of a server or proxy, in English. */
  readonly when: RegExp;
  say(destination: Destination): string;
}

const IGNORE_PARAMETER =
  "Add the parameter to ignore_startup_parameters of the proxy, remove it from DATABASE_URL, or use the server's direct address";

/** The first one that fits counts. */
const MENDS: readonly Mend[] = [
  { when: /unsupported startup parameter/, say: () => IGNORE_PARAMETER },
  { when: /no encryption/, say: () => "Add sslmode=require to DATABASE_URL, or an entry to pg_hba.conf" },
  {
    when: /SSL encryption/,
    say: ({ place }) =>
      `Add an entry for this machine to pg_hba.conf of the server at ${place}, or sslmode=disable to DATABASE_URL`,
  },
  {
    when: /pg_hba\.conf/,
    say: ({ place }) => `Add an entry for this machine to pg_hba.conf of the server at ${place}`,
  },
  {
    when: /role .* does not exist/,
    say: ({ user }) => `Create it (createuser --pwprompt ${user}), or correct the user in DATABASE_URL`,
  },
  { when: /not permitted to log in/, say: ({ user }) => `Allow it: ALTER ROLE ${quoteName(user)} LOGIN` },
  {
    when: /(Peer|Ident) authentication/,
    say: ({ user }) => `Start as the user ${user} of this machine, or use a password and a host in DATABASE_URL`,
  },
  { when: /certificate/, say: () => "Give the client's certificate in DATABASE_URL: sslcert=FILE and sslkey=FILE" },
  { when: /^28/, say: () => "Check the user and the password in DATABASE_URL" },
  {
    when: /^3D000/,
    say: ({ user, database }) =>
      `Create it (createdb --owner=${user} ${database}), or correct its name in DATABASE_URL`,
  },
  {
    when: /^42501/,
    say: ({ user, database }) => `Let it in: GRANT ALL ON DATABASE ${quoteName(database)} TO ${quoteName(user)}`,
  },
  { when: /^53300/, say: () => `A process needs up to ${CONNECTIONS} connections: raise the limit, or end others` },
  { when: /^57P03/, say: () => "Start again when it accepts connections" },
];

/** As in compose.yaml: 41 in its pools, one for LISTEN, and one for its heartbeat. */
export const CONNECTIONS = 43;

function explainRefusal(code: string, message: string, destination: Destination): string {
  const mend = MENDS.find(({ when }) => when.test(message) || when.test(code));
  const refused = code.startsWith("28") ? "rejects the login" : "rejects the connection";
  const advice = mend?.say(destination) ?? "Correct DATABASE_URL, or what this server allows";
  return `The database at ${destination.place} ${refused} (${code}): ${endless(message)}. ${advice}.`;
}

function endless(message: string): string {
  return message.replace(/\.?\s*$/, "");
}

/** A name in SQL. */
export function quoteName(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}
