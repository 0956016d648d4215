/**
 * The folders of the embedded server: DATA_DIR, the database cluster in it, and the folder of its socket.
 *
 * The server trusts every client of its socket: "peer" authentication cannot tell users apart when root is mapped to another
 * user. So only the owner can open the socket, and its folder must not belong to another user.
 */
import { createHash, randomBytes } from "node:crypto";
import { chmod, chown, lstat, mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { StartupError } from "../../errors.ts";
import { mendDataDir } from "../../process/data-dir.ts";
import { errorCode } from "../error-code.ts";
import { exists, isWritable, type PostgresBinaries, RUN_TIMEOUT_MS, runAs, type ServerUser } from "./binaries.ts";
import { findErrorLine } from "./log.ts";
import { AS_NOBODY } from "./user.ts";

/** PostgreSQL's major version: it cannot open a cluster of another one. */
const MAJOR_VERSION = "18";

/** The longest path of a Unix socket on macOS; Linux allows 107 bytes. */
const MAX_SOCKET_PATH_BYTES = 103;
const SOCKET_FILE = ".s.PGSQL.5432";

export const clusterDir = (dataDir: string): string => join(dataDir, `pg${MAJOR_VERSION}`);

/** Creates DATA_DIR if needed, with access for its owner only. A StartupError when it cannot be used. */
export async function prepareDataDir(dataDir: string): Promise<void> {
  try {
    await createFolder(dataDir);
  } catch (error) {
    throw unusableFolder(dataDir, errorCode(error) ?? "unknown");
  }
  if (!(await isWritable(dataDir))) throw unusableFolder(dataDir, "EACCES");
}

/** Level by level: Node's `recursive` option never returns where a folder answers ENOENT, as /proc does. */
async function createFolder(folder: string): Promise<void> {
  const parent = dirname(folder);
  if (parent !== folder && !(await exists(parent))) await createFolder(parent);
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
  }
}

/** Makes the user that runs the server the owner of DATA_DIR, when it is not the current user. */
export async function chownDataDir({ uid, gid }: ServerUser, dataDir: string): Promise<void> {
  if (uid === undefined || gid === undefined || (await stat(dataDir)).uid === uid) return;
  await chown(dataDir, uid, gid);
}

export interface InitOptions {
  readonly binaries: PostgresBinaries;
  readonly user: ServerUser;
  /** Aborts initdb. */
  readonly signal: AbortSignal | undefined;
}

/**
 * Creates the cluster unless it exists. initdb writes to a temporary folder that is renamed in the end: a crash leaves no
 * incomplete cluster, and of several first starts one wins. A StartupError for a cluster of another major version, and when
 * initdb fails.
 */
export async function ensureCluster(dataDir: string, options: InitOptions): Promise<void> {
  const cluster = clusterDir(dataDir);
  const version = await readVersion(cluster);
  if (version === MAJOR_VERSION) return removeUnfinished(dataDir, 0);
  if (version !== undefined)
    throw new StartupError(
      `${cluster} belongs to PostgreSQL ${version}, not ${MAJOR_VERSION}: move it to another place, or set DATABASE_URL.`,
    );

  // Otherwise each failed attempt would fill a small disk further.
  await removeUnfinished(dataDir, 2 * RUN_TIMEOUT_MS);
  const draft = join(dataDir, `init-${randomBytes(6).toString("hex")}`);
  try {
    await runInitdb(draft, options);
    await rename(draft, cluster);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if ((await readVersion(cluster)) !== MAJOR_VERSION) throw error;
  }
  await removeUnfinished(dataDir, 0);
}

const UNFINISHED = /^init-[0-9a-f]{12}$/;

/**
 * Removes the temporary folders of killed first starts. Once there is a cluster, no other process needs its temporary folder:
 * it will use that cluster. Before, another process may still be running initdb, for up to `RUN_TIMEOUT_MS`. So only folders
 * older than `minAgeMs` are removed.
 */
async function removeUnfinished(dataDir: string, minAgeMs: number): Promise<void> {
  for (const name of await readdir(dataDir)) {
    if (!UNFINISHED.test(name)) continue;
    const folder = join(dataDir, name);
    try {
      if (Date.now() - (await stat(folder)).mtimeMs >= minAgeMs)
        await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    } catch (error) {
      // An initdb whose parent was killed still writes to it, or another process removes it. The next start tries again.
      if (!["ENOTEMPTY", "ENOENT"].includes(errorCode(error) ?? "")) throw error;
    }
  }
}

/**
 * The folder for the socket: DATA_DIR, or a private folder in the system's temporary folder when the path of DATA_DIR is too
 * long for a socket. A StartupError when other users have access to that folder.
 */
export async function ensureSocketDir(dataDir: string, user: ServerUser): Promise<string> {
  if (fitsSocket(dataDir)) return dataDir;
  const hash = createHash("sha256").update(dataDir).digest("hex").slice(0, 16);
  const socketDir = join(tmpdir(), `counterhand-${hash}`);
  if (!fitsSocket(socketDir))
    throw new StartupError("The paths of DATA_DIR and TMPDIR are too long for a Unix socket: set a shorter DATA_DIR.");
  await ensurePrivateFolder(socketDir, user);
  return socketDir;
}

async function readVersion(cluster: string): Promise<string | undefined> {
  try {
    return (await readFile(join(cluster, "PG_VERSION"), "utf8")).trim();
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw unusableFolder(cluster, errorCode(error) ?? "unknown");
  }
}

/**
 * PG_UNICODE_FAST lowercases every script, including Vietnamese. With a plain C locale `lower('ĐÁ XAY')` and ILIKE are
 * wrong. The locale cannot be changed later.
 */
const LOCALE = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=PG_UNICODE_FAST"];

async function runInitdb(folder: string, options: InitOptions): Promise<void> {
  const { user, signal } = options;
  try {
    await tryInitdb(folder, options).catch((error: unknown) => {
      if (!LACKS_USER_NAME.test(outputOf(error))) throw error;
      return tryInitdb(folder, { ...options, user: { ...user, prefix: AS_NOBODY } }).catch((second: unknown) => {
        throw signal?.aborted ? second : new StartupError(UNNAMED_USER, { cause: second });
      });
    });
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof StartupError) throw error;
    const reason = findErrorLine(outputOf(error)) || String(error);
    throw new StartupError(`initdb could not create the database cluster: ${reason}`, { cause: error });
  }
}

/**
 * Containers run as a user id without a name: OpenShift, Kubernetes' `runAsUser`, `docker run --user`. Only initdb looks the
 * name up, the server does not.
 */
const LACKS_USER_NAME = /could not look up effective user ID/;
const UNNAMED_USER =
  "initdb refuses a user id that has no name in /etc/passwd, and this machine allows no user namespace to give it one: add the user to /etc/passwd, start as another user, or set DATABASE_URL.";

async function tryInitdb(folder: string, { binaries, user, signal }: InitOptions): Promise<void> {
  const access = ["--username=postgres", "--auth-local=trust", "--auth-host=reject"];
  const command = [binaries.initdb, "-D", folder, "--no-instructions", ...access, ...LOCALE] as const;
  await runAs(user, command, { env: binaries.environment, cwd: "/", signal });
}

function outputOf(error: unknown): string {
  return error instanceof Error && "stderr" in error ? String(error.stderr) : "";
}

const fitsSocket = (folder: string): boolean => Buffer.byteLength(join(folder, SOCKET_FILE)) <= MAX_SOCKET_PATH_BYTES;

async function ensurePrivateFolder(folder: string, user: ServerUser): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 });
    await chmod(folder, 0o700);
    if (user.uid !== undefined && user.gid !== undefined) await chown(folder, user.uid, user.gid);
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw unusableFolder(folder, errorCode(error) ?? "unknown");
  }
  // Every user can create folders there: one with this name may be another user's, or a link to another place.
  const found = await lstat(folder);
  const isOurs = found.uid === process.getuid?.() || found.uid === user.uid;
  if (!found.isDirectory() || !isOurs || (found.mode & 0o077) !== 0)
    throw new StartupError(
      `${folder} must be a folder of this user alone (mode 0700): remove it, or set a shorter DATA_DIR.`,
    );
}

function unusableFolder(folder: string, code: string): StartupError {
  return new StartupError(`${folder} cannot be used (${code}): ${mendDataDir(code)}, or set DATABASE_URL.`);
}
