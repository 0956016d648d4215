import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { connectDatabase } from "../../../src/db/client.ts";
import { parseDatabaseUrl } from "../../../src/db/driver/database-url.ts";
import { resolveTarget } from "../../../src/db/driver/target-options.ts";
import { StartupError } from "../../../src/errors.ts";
import { fc } from "../../support/property.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "certificates-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const NO_SSL_FILES = { rootCertificate: null, certificate: null, key: null, keyPassword: null };
const DEFAULTS = {
  host: "db",
  port: 5432,
  user: "shop",
  password: null,
  database: "till",
  ssl: { mode: "prefer", ...NO_SSL_FILES },
  connectTimeoutSeconds: null,
  applicationName: null,
  options: null,
};
const SOCKETS = "/var/run/postgresql";

test.each([
  ["postgres://shop@db/till", {}],
  ["postgresql://shop@db/till", {}],
  ["postgres://shop@db:/till", {}],
  ["postgres://shop:p%2F%3F%23%40%25:s@db:6543/till", { password: "p/?#@%:s", port: 6543 }],
  ["postgres://:secret@db/till", { user: null, password: "secret" }],
  ["postgres://db/till", { user: null }],
  ["postgres://shop@db", { database: null }],
  ["postgres://shop@db/", { database: null }],
  ["postgres://shop%40tenant@db/my%20till", { user: "shop@tenant", database: "my till" }],
  ["postgres://postgres.abcdefgh@db/till", { user: "postgres.abcdefgh" }],
  ["postgres://shop@[2001:db8::1]:6543/till", { host: "2001:db8::1", port: 6543 }],
  ["postgres://shop@[::1]/till", { host: "::1" }],
  ["postgres://shop@%2Fvar%2Frun%2Fpostgresql:6543/till", { host: SOCKETS, port: 6543 }],
  [`postgres://shop@/till?host=${SOCKETS}`, { host: SOCKETS }],
  [`postgres://shop@localhost/till?host=${SOCKETS}&port=6543`, { host: SOCKETS, port: 6543 }],
  ["postgres://db/?user=shop&password=s%26t&dbname=till&port=6543", { password: "s&t", port: 6543 }],
  ["postgres://shop@db/till?application_name=till+1&application_name=till%202", { applicationName: "till 2" }],
  ["postgres://shop@db/till?options=-c%20search_path%3Dshop", { options: "-c search_path=shop" }],
  ["postgres://shop@db/till?connect_timeout=3", { connectTimeoutSeconds: 3 }],
  ["postgres://shop@db/till?connect_timeout=-1", { connectTimeoutSeconds: 0 }],
  ["postgres://shop@db/till?target_session_attrs=read-write&channel_binding=prefer&gssencmode=disable", {}],
  ["postgres://shop@db/till?client_encoding=UTF8&schema=public&pgbouncer=false&uselibpqcompat=true", {}],
  ["postgres://shop@db/till?sslmode=&", {}],
])("%s is read as libpq reads it", (url, expected) => {
  expect(parseDatabaseUrl(url)).toEqual({ ...DEFAULTS, ...expected });
});

test.each([
  ["sslmode=disable", { mode: "disable" }],
  ["sslmode=allow", { mode: "allow" }],
  ["sslmode=prefer", { mode: "prefer" }],
  ["sslmode=require", { mode: "require" }],
  ["sslmode=verify-ca&sslrootcert=ca.crt", { mode: "verify-ca", rootCertificate: "ca.crt" }],
  ["sslmode=verify-full", { mode: "verify-full" }],
  ["sslrootcert=system", { mode: "verify-full", rootCertificate: "system" }],
  ["ssl=true", { mode: "require" }],
  ["ssl=1", { mode: "require" }],
  ["ssl=false", { mode: "disable" }],
  ["ssl=true&sslmode=verify-full", { mode: "verify-full" }],
  [
    "sslmode=require&sslcert=a.crt&sslkey=a.key&sslpassword=x",
    { mode: "require", certificate: "a.crt", key: "a.key", keyPassword: "x" },
  ],
])("%s is read as libpq reads it", (query, expected) => {
  expect(parseDatabaseUrl(`postgres://shop@db/till?${query}`).ssl).toEqual({ ...NO_SSL_FILES, ...expected });
});

test.each([
  ["postgres://shop:s#cret@db/till", "percent-encode"],
  ["postgres://shop:s/cret@db/till", "percent-encode"],
  ["postgres://shop:12/34@db/till", "percent-encode"],
  ["postgres://shop:s?cret@db/till", "percent-encode"],
  ["postgres://shop:12?cret=1@db/till", "percent-encode"],
  ["postgres://shop:s@cret@db/till", "percent-encode"],
  ["postgres://shop:s%cret@db/till", "percent-encode"],
  ["postgres://shop@db:http/till", "must have a number as its port"],
  ["postgres://shop:secret/till", "percent-encode"],
  ["postgres://shop:secret@2001:db8::1/till", "must have an IPv6 address in brackets"],
  ["postgres://shop:secret@db/till/?sslmode=require", "has a slash after the name of the database: remove it"],
  ["postgres://shop:12/?3@db/till", "percent-encode"],
  ["postgres://shop@db/till?cr%zz=1", "percent-encode"],
  ["mysql://shop@db/till", "must start with postgres://"],
  ["postgresql+asyncpg://shop@db/till", "must start with postgres://"],
  ["postgres://shop@db:0/till", "must have a port from 1 to 65535"],
  ["postgres://shop@db:70000/till", "must have a port from 1 to 65535"],
  ["postgres:///till", "names no host: add one, such as localhost"],
  ["postgres://shop@a,b/till", "names several servers"],
  ["postgres://shop@a:1,b:2/till", "names several servers"],
  ["postgres://shop@db/till?host=a,b", "names several servers"],
  ["postgres://shop@db/till?ssl=maybe", "must have ssl=true or ssl=false"],
  [
    "postgres://shop@db/till?sslmode=no-verify",
    "must have an sslmode out of disable, allow, prefer, require, verify-ca",
  ],
  ["postgres://shop@db/till?sslmode=verify-ca", "needs sslrootcert=FILE"],
  ["postgres://shop@db/till?sslmode=require&sslrootcert=system", "needs sslmode=verify-full"],
  ["postgres://shop@db/till?sslrootcert=ca.crt", "need sslmode=require, verify-ca or verify-full"],
  ["postgres://shop@db/till?sslmode=require&sslcert=a.crt", "both of sslcert and sslkey"],
  ["postgres://shop@db/till?sslcrl=a.crl", "has the parameter sslcrl, which is not supported: remove it"],
  ["postgres://shop@db/till?hostaddr=10.0.0.1", "has the parameter hostaddr, which is not supported"],
  ["postgres://shop@db/till?connection_limit=5", "has the parameter connection_limit, which is not supported"],
  ["postgres://shop@db/till?statement_timeout=5", "has the parameter statement_timeout, which is not supported"],
  ["postgres://shop@db/till?options=-c search_path=shop", '"=" in the value as %3D'],
  ["postgres://shop@db/till?ssl", "must have the parameter ssl as ssl=VALUE"],
  ["postgres://shop@db/till?connect_timeout=5s", "connect_timeout in whole seconds"],
  ["postgres://shop@db/till?target_session_attrs=standby", "target_session_attrs, which must be read-write"],
  ["postgres://shop@db/till?channel_binding=require", "channel_binding, which cannot be required"],
  ["postgres://shop@db/till?gssencmode=require", "gssencmode, which cannot be required"],
  ["postgres://shop@db/till?pgbouncer=true", "pgbouncer, which Prisma reads: remove it"],
  ["postgres://shop@db/till?schema=till", "schema, which Prisma reads: remove it"],
  ["postgres://shop@db/till?client_encoding=latin1", "client_encoding, which must be UTF8"],
])("%s is refused", (url, reason) => {
  const parse = () => parseDatabaseUrl(url);

  expect(parse).toThrow(StartupError);
  expect(parse).toThrow(reason);
  expect(parse).not.toThrow(/cret/);
});

test("whatever the password is: encoded it is read, and as it is it is read or refused without being quoted", () => {
  const password = fc.string({ minLength: 1, maxLength: 12, unit: "binary-ascii" });
  fc.assert(
    fc.property(password, (secret) => {
      expect(parseDatabaseUrl(`postgres://shop:${encodeURIComponent(secret)}@db/till`).password).toBe(secret);
    }),
  );
  fc.assert(
    fc.property(
      fc.string({ minLength: 1, maxLength: 8, unit: fc.constantFrom("#", "/", "?", "@", "%", "=", "&", "1", "a") }),
      (part) => {
        const secret = `Geheim${part}Wort`;
        const url = `postgres://shop:${secret}@db/till`;
        try {
          expect(parseDatabaseUrl(url).password).toBe(
            secret.replaceAll(/%(..)/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
          );
        } catch (error) {
          if (!(error instanceof StartupError)) throw error;
          expect(error.message).not.toMatch(/Geheim|Wort/);
        }
      },
    ),
  );
});

test("a file of a certificate that cannot be read is named by its parameter", () => {
  const url = `postgres://shop@db/till?sslmode=verify-full&sslrootcert=${join(folder, "ca.crt")}`;

  expect(() => resolveTarget({ url })).toThrow("DATABASE_URL: the file of sslrootcert cannot be read (ENOENT)");
});

test("the certificate is checked as sslmode says, against the host of the URL", async () => {
  const file = join(folder, "ca.crt");
  await writeFile(file, "a certificate");
  const sslOf = (query: string) =>
    (resolveTarget({ url: `postgres://shop@10.0.0.1/till?${query}` }).driver as { ssl: unknown }).ssl;
  const ca = Buffer.from("a certificate");
  const host = "10.0.0.1";
  const checkServerIdentity = expect.any(Function);

  expect(sslOf("sslmode=disable")).toBe(false);
  expect(sslOf("")).toBe("prefer");
  expect(sslOf("sslmode=require")).toEqual({ rejectUnauthorized: false, host });
  expect(sslOf(`sslmode=require&sslrootcert=${file}`)).toEqual({
    ca,
    rejectUnauthorized: true,
    checkServerIdentity,
    host,
  });
  expect(sslOf(`sslmode=verify-ca&sslrootcert=${file}`)).toEqual({
    ca,
    rejectUnauthorized: true,
    checkServerIdentity,
    host,
  });
  expect(sslOf(`sslmode=verify-full&sslrootcert=${file}`)).toEqual({ ca, rejectUnauthorized: true, host });
  expect(sslOf("sslrootcert=system")).toEqual({ rejectUnauthorized: true, host });
});

test("the name of the program and options for the server arrive there", async () => {
  const { socketDir, user } = inject("testServer");
  const url = `postgres://${user}@/postgres?host=${socketDir}&application_name=till&options=-c%20work_mem%3D7MB`;
  const database = connectDatabase({ url }, { poolSize: 1 });
  const session = database.openSession("worker");
  try {
    const [row] =
      await session`select current_setting('application_name') as name, current_setting('work_mem') as memory`;
    expect(row).toEqual({ name: "till worker", memory: "7MB" });
  } finally {
    await session.end();
    await database.close();
  }
});
