/** A PostgreSQL server of Debian's package, in a folder of its own: with passwords, over TCP and a Unix socket, with TLS. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Sql } from "postgres";
import { openSession } from "../../src/db/client.ts";
import { unusedPort } from "./ports.ts";

/** The folder of the programs of the newest installed version. */
export function findPostgresPrograms(): string | undefined {
  const versions = existsSync(ROOT) ? readdirSync(ROOT).map(Number).filter(Number.isFinite) : [];
  const folders = versions.sort((a, b) => b - a).map((version) => join(ROOT, String(version), "bin"));
  return folders.find((folder) => existsSync(join(folder, "initdb")));
}

const ROOT = "/usr/lib/postgresql";

/** Every byte that must be percent-encoded in a URL. */
export const PASSWORD = "p/#?@%:s w";

export interface DebianPostgres {
  readonly port: number;
  readonly socketDir: string;
  /** The certificate of the authority that has signed the server's, which is for "localhost". */
  readonly authorityFile: string;
  /** `postgres://ROLE:PASSWORD@127.0.0.1:PORT/DATABASE`, with a query. */
  url(role: string, database: string, query?: string): string;
  /** Runs statements as the superuser. */
  run(statements: string, database?: string): Promise<void>;
  /** Creates a role with `PASSWORD`. */
  createRole(name: string, options?: string): Promise<void>;
  close(): Promise<void>;
}

/** `settings` such as `{ ssl: "off" }` override those of the tests. */
export async function startDebianPostgres(settings: Record<string, string> = {}): Promise<DebianPostgres> {
  const programs = findPostgresPrograms() ?? "";
  const folder = mkdtempSync(join(tmpdir(), "debian-postgres-"));
  const { uid, gid } = idsOf("postgres");
  chownSync(folder, uid, gid);
  chmodSync(folder, 0o755);
  const data = join(folder, "data");
  const asPostgres = { uid, gid, cwd: folder, stdio: "pipe", env: { LC_ALL: "C", PATH: "/usr/bin:/bin" } } as const;
  const access = ["--auth-local=trust", "--auth-host=scram-sha-256", "--username=postgres"];
  execFileSync(join(programs, "initdb"), ["-D", data, "--locale=C.UTF-8", "-E", "UTF8", ...access], asPostgres);
  makeCertificates(folder, { uid, gid });
  const port = await unusedPort();
  const all = { ...DEFAULTS, ...settings, port: String(port), unix_socket_directories: folder };
  const options = Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const server = spawn(join(programs, "postgres"), ["-D", data, ...options], asPostgres);
  let log = "";
  const ready = Promise.withResolvers<void>();
  server.stderr?.on("data", (chunk: Buffer) => {
    log += chunk;
    if (log.includes("ready to accept connections")) ready.resolve();
  });
  server.once("exit", () => ready.reject(new Error(`PostgreSQL did not start:\n${log}`)));
  await ready.promise;
  const address = (role: string, database: string, query = "") =>
    `postgres://${role}:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/${database}${query}`;
  const run = (statements: string, database = "postgres") =>
    onServer({ url: `postgres://postgres@/${database}?host=${folder}&port=${port}` }, (session) =>
      session.unsafe(statements),
    );
  return {
    port,
    socketDir: folder,
    authorityFile: join(folder, "authority.crt"),
    url: address,
    run,
    createRole: (name, more = "") => run(`create role ${name} login password '${PASSWORD}' ${more}`),
    async close() {
      // A fast shutdown.
      server.kill("SIGINT");
      if (server.exitCode === null) await once(server, "exit");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const DEFAULTS = {
  listen_addresses: "127.0.0.1,::1",
  fsync: "off",
  ssl: "on",
  ssl_cert_file: "../server.crt",
  ssl_key_file: "../server.key",
  // Words of this language are compared below.
  lc_messages: "C",
};

export function idsOf(user: string): { uid: number; gid: number } {
  const id = (which: string) => Number(execFileSync("id", [which, user], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}

async function onServer(target: { url: string }, work: (session: Sql) => Promise<unknown>): Promise<void> {
  const session = openSession(target, "test setup");
  try {
    await work(session);
  } finally {
    await session.end();
  }
}

/** An authority, and a certificate for the name "localhost" only. */
function makeCertificates(folder: string, { uid, gid }: { uid: number; gid: number }): void {
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  const request = ["req", "-new", "-nodes", "-newkey", "rsa:2048"];
  openssl(
    ...request,
    "-x509",
    "-days",
    "2",
    "-subj",
    "/CN=authority",
    "-keyout",
    "authority.key",
    "-out",
    "authority.crt",
  );
  openssl(...request, "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr");
  writeFileSync(join(folder, "names"), "subjectAltName=DNS:localhost");
  const signed = [
    "-CA",
    "authority.crt",
    "-CAkey",
    "authority.key",
    "-CAcreateserial",
    "-days",
    "2",
    "-extfile",
    "names",
  ];
  openssl("x509", "-req", "-in", "server.csr", ...signed, "-out", "server.crt");
  chmodSync(join(folder, "server.key"), 0o600);
  chownSync(join(folder, "server.key"), uid, gid);
}
