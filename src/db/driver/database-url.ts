/**
 * `DATABASE_URL` as libpq reads it. What is not supported is refused by name, and nothing is ignored.
 *
 * Not with `URL`: it takes a password with an unescaped "@" for one, a "/" in it for the end of the host, and no message may
 * quote what it found, because any part may be the password.
 * https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-CONNSTRING-URIS
 */
import { StartupError } from "../../errors.ts";

/** libpq's. `prefer`, its default, uses TLS where the server has it. */
export const SSL_MODES = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] as const;
export type SslMode = (typeof SSL_MODES)[number];

export interface DatabaseAddress {
  /** A name or an IP address, or the folder of a Unix socket when it begins with "/". */
  readonly host: string;
  readonly port: number;
  /** Null: `PGUSER`, else the user of the operating system. */
  readonly user: string | null;
  /** Null: `PGPASSWORD`, else none. */
  readonly password: string | null;
  /** Null: named as the user. */
  readonly database: string | null;
  readonly ssl: SslSettings;
  /** How long to connect, in seconds; 0 for no limit, null when the URL does not say. */
  readonly connectTimeoutSeconds: number | null;
  /** How this program is called in `pg_stat_activity`; null when the URL does not say. */
  readonly applicationName: string | null;
  /** Command-line options for the server, such as `-c search_path=shop`. */
  readonly options: string | null;
}

/** Files are paths, as in the URL. */
export interface SslSettings {
  readonly mode: SslMode;
  /** The certificates of authorities; "system" for those that Node brings. */
  readonly rootCertificate: string | null;
  readonly certificate: string | null;
  readonly key: string | null;
  readonly keyPassword: string | null;
}

/** User and password, hosts, database, parameters: each without the characters that must be percent-encoded in it. */
const FORM = /^postgres(?:ql)?:\/\/(?:([^:@/?#]*)(?::([^@/?#]*))?@)?([^@/?#]*)(?:\/([^@/?#]*))?(?:\?([^@?#]*))?$/;
/** `[::1]:5432`, `host:5432`; the port may be missing or empty. */
const HOST = /^(\[[0-9a-f:.%]+\]|[^:[\]]*)(?::(\d*))?$/i;

const ENDS_IN_SLASH = /@[^/?#@]+\/[^/?#@]+\/(?:\?[^@]*)?$/;

const ENCODE =
  "cannot be read: percent-encode special characters in the user name and in the password (# as %23, / as %2F, ? as %3F, @ as %40, % as %25)";

/** @throws {StartupError} which says what to change, and quotes no part that may be the password. */
export function parseDatabaseUrl(url: string): DatabaseAddress {
  if (!/^postgres(ql)?:\/\//.test(url)) throw refusal("must start with postgres://");
  const parts = FORM.exec(url);
  if (!parts) throw refusal(ENDS_IN_SLASH.test(url) ? "has a slash after the name of the database: remove it" : ENCODE);
  const [, user, password, authority = "", path, query = ""] = parts;
  const parameters = readParameters(query);
  const { host, port } = readHost(authority, parameters);
  return {
    host,
    port,
    user: parameters.get("user") ?? decodeIfAny(user),
    password: parameters.get("password") ?? (password === undefined ? null : decode(password)),
    database: parameters.get("dbname") ?? decodeIfAny(path),
    ssl: readSsl(parameters),
    connectTimeoutSeconds: readSeconds(parameters.get("connect_timeout")),
    applicationName: parameters.get("application_name") ?? null,
    options: parameters.get("options") ?? null,
  };
}

type Parameters = ReadonlyMap<string, string>;

/** The parameters that have an effect here. */
const READ = new Set([
  ...["host", "port", "user", "password", "dbname", "connect_timeout", "application_name", "options"],
  ...["sslmode", "ssl", "sslrootcert", "sslcert", "sslkey", "sslpassword"],
]);

/** Parameters that have only one useful value here, or none: which values are taken, and what to do about any other. */
const FIXED = new Map<string, { taken: RegExp; mend: string }>([
  ["target_session_attrs", { taken: /^(any|read-write|primary)$/, mend: "must be read-write: Counterhand writes" }],
  [
    "channel_binding",
    { taken: /^(prefer|disable)$/, mend: "cannot be required: remove it, and use sslmode=verify-full instead" },
  ],
  ["gssencmode", { taken: /^(prefer|disable)$/, mend: "cannot be required: remove it, and use sslmode instead" }],
  ["client_encoding", { taken: /^(utf-?8|auto)$/i, mend: "must be UTF8: remove it" }],
  // What node-postgres reads; its "true" is what happens here.
  ["uselibpqcompat", { taken: /^true$/, mend: "must be true: sslmode is read as libpq reads it" }],
  ["pgbouncer", { taken: /^false$/, mend: "Prisma reads: remove it, and use a direct or session-pooled address" }],
  ["schema", { taken: /^public$/, mend: "Prisma reads: remove it. The tables are in the schema public" }],
]);

const NAME = /^[A-Za-z][\w.-]*$/;

function readParameters(query: string): Parameters {
  const parameters = new Map<string, string>();
  for (const pair of query.split("&").filter(Boolean)) {
    const [name = "", value, ...rest] = pair.split("=").map(decode);
    const fixed = FIXED.get(name);
    const isKnown = fixed !== undefined || READ.has(name);
    // It may be the end of a password with an unescaped "?".
    if (!isKnown && !(NAME.test(name) && value !== undefined)) throw refusal(ENCODE);
    if (!isKnown) throw refusal(`has the parameter ${name}, which is not supported: remove it`);
    if (value === undefined || rest.length > 0)
      throw refusal(`must have the parameter ${name} as ${name}=VALUE, with "=" in the value as %3D`);
    if (fixed && !fixed.taken.test(value)) throw refusal(`has the parameter ${name}, which ${fixed.mend}`);
    // As for libpq, an empty value is none, and the last of several counts.
    if (value !== "") parameters.set(name, value);
  }
  return parameters;
}

function readHost(authority: string, parameters: Parameters): { host: string; port: number } {
  if ([authority, parameters.get("host") ?? "", parameters.get("port") ?? ""].some((part) => part.includes(",")))
    throw refusal("names several servers, which is not supported: give one address that leads to the primary");
  const [, name, ownPort] = HOST.exec(authority) ?? [];
  if (name === undefined) throw refusal(explainAddress(authority));
  const host = parameters.get("host") ?? decode(name).replace(/^\[|\]$/g, "");
  if (host === "")
    throw refusal(
      "names no host: add one, such as localhost, or the folder of a Unix socket (?host=/var/run/postgresql)",
    );
  const port = parameters.get("port") ?? (ownPort || "5432");
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535)
    throw refusal("must have a port from 1 to 65535");
  return { host, port: Number(port) };
}

/** The address of the server, which may be the begin of a password with an unescaped character: it is not quoted. */
function explainAddress(authority: string): string {
  if (/^[0-9a-f]*:[0-9a-f]*:[0-9a-f:.]*$/i.test(authority))
    return "must have an IPv6 address in brackets, such as [::1]:5432";
  if (/^[^:]+:[^:]+$/.test(authority)) return `must have a number as its port; or it ${ENCODE}`;
  return ENCODE;
}

function readSsl(parameters: Parameters): SslSettings {
  const mode = readSslMode(parameters);
  const rootCertificate = parameters.get("sslrootcert") ?? null;
  if (mode === "verify-ca" && (rootCertificate === null || rootCertificate === "system"))
    throw refusal("has sslmode=verify-ca, which needs sslrootcert=FILE: add it, or use verify-full");
  const certificate = parameters.get("sslcert") ?? null;
  const key = parameters.get("sslkey") ?? null;
  if (!CHECKS_FILES.has(mode) && (rootCertificate ?? certificate ?? key) !== null)
    throw refusal("has certificates, which need sslmode=require, verify-ca or verify-full");
  if ((certificate === null) !== (key === null)) throw refusal("must have both of sslcert and sslkey, or none");
  return { mode, rootCertificate, certificate, key, keyPassword: parameters.get("sslpassword") ?? null };
}

/** The modes that need TLS: with the others, a server without it would be asked for no certificate and given none. */
const CHECKS_FILES = new Set<SslMode>(["require", "verify-ca", "verify-full"]);

/** `ssl=true` is what libpq reads of JDBC's URLs. */
const SSL_SWITCH = new Map([
  ["true", "require"],
  ["1", "require"],
  ["false", "disable"],
  ["0", "disable"],
]);

function readSslMode(parameters: Parameters): SslMode {
  const ssl = parameters.get("ssl");
  const switched = ssl === undefined ? undefined : SSL_SWITCH.get(ssl);
  if (ssl !== undefined && switched === undefined) throw refusal("must have ssl=true or ssl=false; sslmode says more");
  const isSystem = parameters.get("sslrootcert") === "system";
  const mode = parameters.get("sslmode") ?? switched ?? (isSystem ? "verify-full" : "prefer");
  const known = SSL_MODES.find((each) => each === mode);
  if (!known) throw refusal(`must have an sslmode out of ${SSL_MODES.join(", ")}`);
  if (isSystem && known !== "verify-full") throw refusal("has sslrootcert=system, which needs sslmode=verify-full");
  return known;
}

function readSeconds(text: string | undefined): number | null {
  if (text === undefined) return null;
  if (!/^-?\d{1,6}$/.test(text)) throw refusal("must have a connect_timeout in whole seconds");
  return Math.max(Number(text), 0);
}

function decodeIfAny(part: string | undefined): string | null {
  return part ? decode(part) : null;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // Without the cause, which quotes the password.
    throw refusal(ENCODE);
  }
}

function refusal(what: string): StartupError {
  return new StartupError(`DATABASE_URL ${what}.`);
}
