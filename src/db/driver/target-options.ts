/** Where a database is, as options of the driver. It reads the files of `DATABASE_URL`, and opens no connection. */
import { join } from "node:path";
import postgres from "postgres";
import { StartupError } from "../../errors.ts";
import { type DatabaseAddress, parseDatabaseUrl, type SslMode } from "./database-url.ts";
import { makeTlsOptions } from "./tls-options.ts";

/** A server that listens on a Unix socket in `socketDir`, with trust authentication. */
export interface SocketServer {
  readonly socketDir: string;
  readonly user: string;
}

/** Where a database is: at a URL, or by its name on the embedded server. */
export type DatabaseTarget = { readonly url: string } | (SocketServer & { readonly database: string });

/** Where connections lead, for messages; never a password. */
export interface Destination {
  /** "host:port", or the path of a socket. */
  readonly place: string;
  readonly user: string;
  readonly database: string;
  readonly sslMode: SslMode;
}

export interface TargetOptions {
  /** For `postgres()`. */
  readonly driver: object;
  /** How the program is called in `pg_stat_activity`. */
  readonly applicationName: string;
  /** More settings of the startup message. */
  readonly startup: Readonly<Record<string, string>>;
  readonly destination: Destination;
}

const APPLICATION_NAME = "counterhand";

/** @throws {StartupError} for a malformed URL, and for a file that it names and nobody can read. */
export function resolveTarget(target: DatabaseTarget): TargetOptions {
  if ("url" in target) return resolveAddress(parseDatabaseUrl(target.url));
  const { socketDir, user, database } = target;
  const place = socketIn(socketDir, 5432);
  const driver = { path: place, port: 5432, user, database, ssl: false };
  return {
    driver,
    applicationName: APPLICATION_NAME,
    startup: {},
    destination: { place, user, database, sslMode: "disable" },
  };
}

function resolveAddress(address: DatabaseAddress): TargetOptions {
  const { host, port, user, password, database, connectTimeoutSeconds, applicationName, options } = address;
  const path = host.startsWith("/") ? socketIn(host, port) : null;
  const driver: object = {
    // Lists, because the driver splits a text at its colons, also those of an IPv6 address.
    ...(path === null ? { host: [host], port: [port] } : { path, port }),
    ...(user === null ? {} : { user }),
    ...(password === null ? {} : { password }),
    ...(database === null ? {} : { database }),
    ...(connectTimeoutSeconds === null ? {} : { connect_timeout: connectTimeoutSeconds }),
    ssl: makeTlsOptions(address),
  };
  // Never connects: the driver looks for a user in the environment and at the operating system, which may know none.
  const resolved = postgres({ ...driver }).options;
  if (!resolved.user) throw new StartupError("DATABASE_URL names no user: add it before the host.");
  return {
    driver,
    applicationName: applicationName ?? APPLICATION_NAME,
    startup: options === null ? {} : { options },
    destination: {
      place: path ?? `${host.includes(":") ? `[${host}]` : host}:${port}`,
      user: resolved.user,
      database: resolved.database,
      sslMode: path === null ? address.ssl.mode : "disable",
    },
  };
}

function socketIn(folder: string, port: number): string {
  return join(folder, `.s.PGSQL.${port}`);
}
