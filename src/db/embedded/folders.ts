/**
 * The folders of the embedded server: DATA_DIR, the cluster in it, and where its socket goes.
 *
 * The server trusts whoever reaches its socket: "peer" cannot tell users apart when root is mapped to another one. So the
 * socket may be opened by its owner only, and its folder must not be somebody else's.
 */
import { createHash, randomBytes } from "node:crypto";
import { chmod, chown, lstat, mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { StartupError } from "../../errors.ts";
import { errorCode } from "../error-code.ts";
import { exists, isWritable, type PostgresBinaries, RUN_LIMIT_MS, runAs, type ServerUser } from "./binaries.ts";
import { findErrorLine } from "./log.ts";

/** PostgreSQL's major version: a cluster of another one cannot be opened. */
const MAJOR_VERSION = "18";

/** The longest path of a Unix socket: 107 bytes on Linux, 103 on macOS. */
const MAX_SOCKET_PATH_BYTES = 103;
const SOCKET_FILE = ".s.PGSQL.5432";

export const clusterDir = (dataDir: string): string => join(dataDir, `pg${MAJOR_VERSION}`);

/** Makes DATA_DIR, for us alone when it is new; a StartupError when it cannot be used. */
export async function prepareDataDir(dataDir: string): Promise<void> {
  try {
    await makeFolder(dataDir);
  } catch (error) {
    throw unusable(dataDir, errorCode(error) ?? "unknown");
  }
  if (!(await isWritable(dataDir))) throw unusable(dataDir, "EACCES");
}

/** One level after the other: Node's own `recursive` never ends where a folder refuses with ENOENT, as /proc does. */
async function makeFolder(folder: string): Promise<void> {
  const parent = dirname(folder);
  if (parent !== folder && !(await exists(parent))) await makeFolder(parent);
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
  }
}

/** Gives DATA_DIR to the user that runs the server, when that is not us. */
export async function giveDataDirTo({ uid, gid }: ServerUser, dataDir: string): Promise<void> {
  if (uid === undefined || gid === undefined || (await stat(dataDir)).uid === uid) return;
  await chown(dataDir, uid, gid);
}

export interface ClusterMaking {
  readonly binaries: PostgresBinaries;
  readonly user: ServerUser;
  /** Gives it up. */
  readonly signal: AbortSignal | undefined;
}

/**
 * Makes the cluster unless it is there. It is made beside its place and then renamed: a crash leaves no half-made one, and
 * of several first starts one wins. A StartupError for a cluster of another major version and for a failing initdb.
 */
export async function ensureCluster(dataDir: string, making: ClusterMaking): Promise<void> {
  const cluster = clusterDir(dataDir);
  const version = await readVersion(cluster);
  if (version === MAJOR_VERSION) return removeUnfinished(dataDir, 0);
  if (version !== undefined)
    throw new StartupError(
      `${cluster} is of PostgreSQL ${version}, not ${MAJOR_VERSION}: move it away, or set DATABASE_URL.`,
    );

  // A disk that is too small would get fuller with each try.
  await removeUnfinished(dataDir, 2 * RUN_LIMIT_MS);
  const draft = join(dataDir, `init-${randomBytes(6).toString("hex")}`);
  try {
    await initialise(draft, making);
    await rename(draft, cluster);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if ((await readVersion(cluster)) !== MAJOR_VERSION) throw error;
  }
  await removeUnfinished(dataDir, 0);
}

const UNFINISHED = /^init-[0-9a-f]{12}$/;

/**
 * Removes what killed first starts left. With a cluster in its place nobody needs one that is being made: who makes it
 * takes that one. Without, another process may be making it, within `RUN_LIMIT_MS`: only what is older than `minAgeMs` goes.
 */
async function removeUnfinished(dataDir: string, minAgeMs: number): Promise<void> {
  for (const name of await readdir(dataDir)) {
    if (!UNFINISHED.test(name)) continue;
    const folder = join(dataDir, name);
    try {
      if (Date.now() - (await stat(folder)).mtimeMs >= minAgeMs)
        await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    } catch (error) {
      // An initdb whose parent was killed still writes to it, or another process removes it: the next start looks again.
      if (!["ENOTEMPTY", "ENOENT"].includes(errorCode(error) ?? "")) throw error;
    }
  }
}

/**
 * The folder for the socket: DATA_DIR, or, where that path is too long for a socket, one of our own under the system's
 * folder for temporary files. A StartupError when that one is not ours alone.
 */
export async function ensureSocketDir(dataDir: string, user: ServerUser): Promise<string> {
  if (fitsSocket(dataDir)) return dataDir;
  const hash = createHash("sha256").update(dataDir).digest("hex").slice(0, 16);
  const socketDir = join(tmpdir(), `counterhand-${hash}`);
  if (!fitsSocket(socketDir))
    throw new StartupError(`The paths of DATA_DIR and TMPDIR are too long for a socket: give a shorter DATA_DIR.`);
  await makePrivateDir(socketDir, user);
  return socketDir;
}

async function readVersion(cluster: string): Promise<string | undefined> {
  try {
    return (await readFile(join(cluster, "PG_VERSION"), "utf8")).trim();
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw unusable(cluster, errorCode(error) ?? "unknown");
  }
}

/**
 * PG_UNICODE_FAST knows every script's lower case, and so Vietnamese; with a plain C locale `lower('ĐÁ XAY')` and ILIKE are
 * wrong, and it cannot be changed later.
 */
const LOCALE = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=PG_UNICODE_FAST"];

async function initialise(folder: string, { binaries, user, signal }: ClusterMaking): Promise<void> {
  const access = ["--username=postgres", "--auth-local=trust", "--auth-host=reject"];
  const command = [binaries.initdb, "-D", folder, "--no-instructions", ...access, ...LOCALE] as const;
  try {
    await runAs(user, command, { env: binaries.environment, cwd: "/", signal });
  } catch (error) {
    signal?.throwIfAborted();
    const output = error instanceof Error && "stderr" in error ? String(error.stderr) : "";
    const reason = findErrorLine(output) || String(error);
    throw new StartupError(`PostgreSQL could not make its cluster: ${reason}`, { cause: error });
  }
}

const fitsSocket = (folder: string): boolean => Buffer.byteLength(join(folder, SOCKET_FILE)) <= MAX_SOCKET_PATH_BYTES;

async function makePrivateDir(folder: string, user: ServerUser): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 });
    await chmod(folder, 0o700);
    if (user.uid !== undefined && user.gid !== undefined) await chown(folder, user.uid, user.gid);
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw unusable(folder, errorCode(error) ?? "unknown");
  }
  // Anybody may make folders there: one of the same name may be a trap, or a link into another place.
  const found = await lstat(folder);
  const isOurs = found.uid === process.getuid?.() || found.uid === user.uid;
  if (!found.isDirectory() || !isOurs || (found.mode & 0o077) !== 0)
    throw new StartupError(
      `${folder} is not a folder of ours alone (mode 0700): remove it, or give a shorter DATA_DIR.`,
    );
}

function unusable(folder: string, code: string): StartupError {
  return new StartupError(
    `${folder} cannot be used (${code}): set DATA_DIR to a folder that this user may write, or set DATABASE_URL.`,
  );
}
