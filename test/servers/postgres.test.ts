/** `DATABASE_URL` on Debian's PostgreSQL, by the commands that people run. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectDatabase } from "../../src/db/client.ts";
import { startScript } from "../support/process.ts";
import { type DebianPostgres, startDebianPostgres } from "./debian-postgres.ts";

let postgres: DebianPostgres;
let plain: DebianPostgres;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "servers-"));
  await writeFile(
    join(folder, "products.csv"),
    "sku,name,category,price,cost,stock,reorder_level\nTEA,Trà,,39000,,50,10\n",
  );
  [postgres, plain] = await Promise.all([startDebianPostgres(), startDebianPostgres({ ssl: "off" })]);
  for (const server of [postgres, plain]) {
    await server.createRole("shop");
    await server.run("create database shop owner shop");
  }
});
afterAll(async () => {
  await Promise.all([postgres.close(), plain.close()]);
  await rm(folder, { recursive: true, force: true });
});

/** All that a person runs, each of which opens the database. */
const COMMANDS: [name: string, args: string[]][] = [
  ["start", []],
  ["ask", ["what's running out?"]],
  ["import", ["products", "products.csv"]],
  ["token", []],
];

/** What a command writes besides npm's own lines, its usual first words, and the end of the log. */
async function outputOf([name, args]: (typeof COMMANDS)[number], DATABASE_URL: string): Promise<string> {
  const env = { DATABASE_URL, PORT: "0", DATA_DIR: join(folder, "data") };
  const started = startScript(name, {
    env,
    args: args.map((arg) => arg.replace("products.csv", join(folder, "products.csv"))),
  });
  expect(await started.exit).not.toBe(0);
  const lines = started.output().split("\n");
  return lines
    .filter((line) => line !== "" && !/^(> |npm |\{"level":30,.*"msg":"stopped"\}$)/.test(line))
    .join("\n")
    .replace(/^Nothing was imported\. /, "");
}

test.each(COMMANDS)(
  "npm run %s says in one sentence which rights its role lacks, and changes nothing",
  async (...command) => {
    const name = `rights_${command[0]}`;
    await postgres.createRole(name);
    await postgres.run(`create database ${name}`);
    await postgres.run(`grant all privileges on database ${name} to ${name}`);

    const output = await outputOf(command, postgres.url(name, name));

    expect(output).toBe(
      `The role ${name} lacks rights in the database ${name}. Run there, as the owner of its tables or as a superuser: GRANT CREATE ON SCHEMA public TO ${name}.`,
    );
  },
);

test.each(COMMANDS)(
  "npm run %s refuses a database with a table of another program in one sentence",
  async (...command) => {
    const name = `taken_${command[0]}`;
    await postgres.run(`create database ${name} owner shop`);
    await postgres.run("set role shop; create table products (id int)", name);

    const output = await outputOf(command, postgres.url("shop", name));

    expect(output).toBe(
      `The database ${name} already has a table products, which is not Counterhand's: create a database for Counterhand alone (createdb counterhand), and set DATABASE_URL to it.`,
    );
  },
);

test.each(COMMANDS)("npm run %s does not quote a password with a # in it", async (...command) => {
  const output = await outputOf(command, "postgres://shop:geheim#wort@127.0.0.1/shop");

  expect(output).toMatch(/^DATABASE_URL cannot be read: percent-encode special characters .*$/);
  expect(output).not.toMatch(/geheim|wort/);
});

test("a server that only reads is refused in one sentence", async () => {
  await postgres.createRole("reader");
  await postgres.run("alter role reader set default_transaction_read_only = on");

  expect(await outputOf(["token", []], postgres.url("reader", "shop"))).toMatch(
    /^The database is read-only, because default_transaction_read_only is on .*\(ALTER ROLE reader SET .*$/,
  );
});

/** Connects once: whether TLS is on, or what is thrown. */
async function connect(url: string): Promise<string> {
  const database = connectDatabase({ url }, { poolSize: 1 });
  const session = database.openSession("test");
  try {
    const [row] = await session`select ssl from pg_stat_ssl where pid = pg_backend_pid()`;
    return row?.ssl ? "TLS" : "plain";
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  } finally {
    await session.end({ timeout: 0 });
    await database.close();
  }
}

test.each([
  ["", "TLS", "plain"],
  ["?sslmode=disable", "plain", "plain"],
  ["?sslmode=allow", "TLS", "plain"],
  ["?sslmode=prefer", "TLS", "plain"],
  ["?sslmode=require", "TLS", "ECONNRESET"],
  ["?ssl=true", "TLS", "ECONNRESET"],
  ["?sslmode=require&sslrootcert=CA", "TLS", "ECONNRESET"],
  ["?sslmode=verify-ca&sslrootcert=CA", "TLS", "ECONNRESET"],
  ["?sslmode=verify-full&sslrootcert=CA", "ERR_TLS_CERT_ALTNAME_INVALID", "ECONNRESET"],
  ["?sslmode=verify-full", "UNABLE_TO_VERIFY_LEAF_SIGNATURE", "ECONNRESET"],
])("%s: %s with TLS at the server, %s without", async (query, withTls, without) => {
  const at = (server: DebianPostgres) =>
    connect(server.url("shop", "shop", query.replace("CA", postgres.authorityFile)));

  expect([await at(postgres), await at(plain)]).toEqual([withTls, without]);
});

test("verify-full takes the name in the certificate", async () => {
  const url = postgres.url("shop", "shop", `?sslmode=verify-full&sslrootcert=${postgres.authorityFile}`);

  expect(await connect(url.replace("127.0.0.1", "localhost"))).toBe("TLS");
});

test("a host in brackets is an IPv6 address", async () => {
  // Some containers have no IPv6, not even to themselves.
  const hasIpv6 = networkInterfaces().lo?.some(({ address }) => address === "::1");

  const answer = await connect(postgres.url("shop", "shop").replace("127.0.0.1", "[::1]"));

  expect(answer).toBe(hasIpv6 ? "TLS" : "EADDRNOTAVAIL");
});

test("a Unix socket is found by its folder and its port, in both forms of libpq", async () => {
  const { port, socketDir } = postgres;

  expect(await connect(`postgres://shop@/shop?host=${socketDir}&port=${port}&sslmode=require`)).toBe("plain");
  expect(await connect(`postgres://shop@${encodeURIComponent(socketDir)}:${port}/shop`)).toBe("plain");
  expect(await connect(`postgres://shop@/shop?host=${socketDir}`)).toBe("ENOENT");
});

test.each([
  [
    "a wrong password",
    () => postgres.url("shop", "shop").replace(/:[^:@]*@/, ":geheim@"),
    /\(28P01\): .* Check the user and the password/,
  ],
  [
    "a name without an address",
    () => "postgres://shop@nowhere.invalid/shop",
    /cannot be found \(nowhere\.invalid:5432, \w+\): correct the host/,
  ],
  [
    "nothing that listens",
    () => "postgres://shop@127.0.0.1:1/shop",
    /Cannot reach the database at 127\.0\.0\.1:1 \(ECONNREFUSED\)/,
  ],
  [
    "a missing database",
    () => postgres.url("shop", "nowhere"),
    /\(3D000\): .* Create it \(createdb --owner=shop nowhere\)/,
  ],
  [
    "no TLS",
    () => plain.url("shop", "shop", "?sslmode=require"),
    /closes the connection \(ECONNRESET\): it may have no TLS/,
  ],
  [
    "an unknown authority",
    () => postgres.url("shop", "shop", "?sslmode=verify-full"),
    /certificate .* is not accepted .*sslrootcert=FILE/,
  ],
])("%s is one sentence of npm run token", async (_, url, sentence) => {
  const output = await outputOf(["token", []], url());

  expect(output).toMatch(sentence);
  expect(output).not.toContain("\n");
  expect(output).not.toContain("geheim");
});

test("an encoding that cannot hold every character is refused", async () => {
  for (const encoding of ["LATIN1", "SQL_ASCII"]) {
    const name = `in_${encoding.toLowerCase()}`;
    await postgres.run(`create database ${name} owner shop encoding '${encoding}' locale 'C' template template0`);

    expect(await outputOf(["token", []], postgres.url("shop", name))).toContain(
      `The database's encoding is ${encoding}: use a database with the encoding UTF8 (createdb --template=template0 --encoding=UTF8 NAME).`,
    );
  }
});
