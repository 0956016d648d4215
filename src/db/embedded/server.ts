/**
 * The embedded PostgreSQL in DATA_DIR, which is used when DATABASE_URL is not set.
 *
 * Several processes may share one DATA_DIR: the first one starts the server, the others join it, the last one stops it. It is
 * a full server on a Unix socket, without port and password. This module does not know what is stored in it.
 */
import { realpath, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { StartupError } from "../../errors.ts";
import { retry } from "../../process/retry.ts";
import { diskFullError, explainFullDisk, hasRunOutOfSpace, type ServerDisk } from "../disk-full.ts";
import { exists, findPostgresBinaries } from "./binaries.ts";
import { chownDataDir, clusterDir, ensureCluster, ensureSocketDir, prepareDataDir } from "./folders.ts";
import {
  isPostmasterAlive,
  isRunning,
  type Launch,
  launchPostmaster,
  type ServerSetup,
  stopPostmaster,
} from "./postmaster.ts";
import { EMBEDDED_USER, tryLockUsage, type UsageLock } from "./usage-lock.ts";
import { findServerUser } from "./user.ts";

export interface EmbeddedOptions {
  /** The folder of the cluster and the log; created if needed. */
  readonly dataDir: string;
  readonly logger?: EmbeddedLogger;
  /** PostgreSQL settings that override our own. They apply only if this process starts the server. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Aborts the start, which rejects within seconds and leaves no unused server running. */
  readonly signal?: AbortSignal | undefined;
}

/** The part of a pino logger that this module uses. */
export interface EmbeddedLogger {
  info(facts: object, phrase: string): void;
  warn(facts: object, phrase: string): void;
}

export interface EmbeddedPostgres {
  /** The folder of the socket, for `connectDatabase`. */
  readonly socketDir: string;
  readonly user: typeof EMBEDDED_USER;
  /** "18.4". */
  readonly version: string;
  /** False when the server was already running. */
  readonly startedHere: boolean;
  readonly logFile: string;
  /** `error`, or a StartupError that names DATA_DIR when its full disk caused the error. */
  explain(error: unknown): Promise<unknown>;
  /**
   * Ends this process's use of the server, and stops the server when no other process uses it. Close the pools first. May be
   * called again.
   */
  release(): Promise<void>;
}

const LOG_FILE = "postgres.log";

/** Pause between two checks of a server that is starting or stopping, in milliseconds. */
const POLL_INTERVAL_MS = 50;

/** Recovery after a crash replays the log since the last checkpoint, which takes minutes at worst on a slow disk. */
const START_TIMEOUT_MS = 300_000;

/** PostgreSQL's messages when another server has the cluster: one that was faster, or the child processes of a killed one. */
const HELD_BY_ANOTHER = /lock file .* (already exists|is empty)|shared memory block .* still in use/;

/** How long that may last, in milliseconds: the children of a killed server end with their current statement. */
const HELD_TIMEOUT_MS = 30_000;

/** How long a process that leaves waits for a server that is starting, in milliseconds. */
const LAST_LOCK_TIMEOUT_MS = 10_000;
/** How long an aborted start checks whether other processes use the server that it launched, in milliseconds. */
const ABORT_CHECK_TIMEOUT_MS = 1_000;

/** Pause after a failed restart, in milliseconds. */
const RESTART_INTERVAL_MS = 5_000;

/**
 * Starts the server in `dataDir`, or joins a running one; resolves when it accepts queries. Afterwards a server that dies is
 * restarted, until `release`. Rejects with a StartupError that gives the reason in one sentence.
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { logger } = options;
  const disk = await readDiskState(options);
  const server = await prepareServer(options).catch(async (error) => {
    throw await explainFullDisk(error, disk);
  });
  const { lock, startedHere } = await joinServer(server, options.signal).catch(async (error) => {
    const isFull = !options.signal?.aborted && (await hasRunOutOfSpace(disk));
    throw isFull ? diskFullError(disk.dataDir, error) : error;
  });
  const releasing = new AbortController();
  const { socketDir, logFile } = server;
  const { version } = lock;
  logger?.info({ socketDir, version }, startedHere ? "embedded database started" : "embedded database joined");
  const released = stayJoined(server, lock, { signal: releasing.signal, logger });
  const release = async () => {
    releasing.abort();
    await released;
  };
  const explain = (error: unknown) => explainFullDisk(error, disk);
  return { socketDir, user: EMBEDDED_USER, version, startedHere, logFile, explain, release };
}

async function readDiskState({ dataDir: given }: EmbeddedOptions): Promise<ServerDisk> {
  const dataDir = resolve(given);
  const logFile = join(dataDir, LOG_FILE);
  const log = await stat(logFile).catch(() => undefined); // no log yet; any other problem shows in the next step
  return { dataDir, logFile, logStart: log?.size ?? 0 };
}

async function prepareServer({ dataDir: given, settings = {}, signal }: EmbeddedOptions): Promise<ServerSetup> {
  await prepareDataDir(resolve(given));
  // All processes must see the same path: the socket's folder and the check of the pid file depend on it.
  const dataDir = await realpath(given);
  const cluster = clusterDir(dataDir);
  const binaries = await findPostgresBinaries(join(dataDir, "pg-lib"));
  const user = await findServerUser(binaries, (await exists(cluster)) ? cluster : dataDir);
  await chownDataDir(user, dataDir);
  await ensureCluster(dataDir, { binaries, user, signal });
  signal?.throwIfAborted();
  const socketDir = await ensureSocketDir(dataDir, user);
  return { cluster, socketDir, logFile: join(dataDir, LOG_FILE), binaries, user, settings };
}

interface JoinedServer {
  readonly lock: UsageLock;
  readonly startedHere: boolean;
}

/** Takes the usage lock, and starts the server first if none is running. Rejects when `signal` aborts. */
async function joinServer(server: ServerSetup, signal: AbortSignal | undefined): Promise<JoinedServer> {
  const own: { launch?: Launch | undefined } = {};
  try {
    return await tryToJoin(server, own, signal);
  } catch (error) {
    // After a timeout a slow server keeps starting: the next start finds it further.
    if (signal?.aborted && own.launch) await stopUnlessUsed(server, own.launch);
    signal?.throwIfAborted();
    throw error;
  }
}

/** Sets `own.launch` to the server that it launched last. */
async function tryToJoin(
  server: ServerSetup,
  own: { launch?: Launch | undefined },
  signal: AbortSignal | undefined,
): Promise<JoinedServer> {
  const begin = performance.now();
  while (performance.now() < begin + START_TIMEOUT_MS) {
    const answer = await tryLockUsage(server.socketDir, signal);
    if (typeof answer === "object")
      return { lock: answer, startedHere: own.launch !== undefined && (await isRunning(own.launch, server.cluster)) };
    if (own.launch?.state === "failed") await throwUnlessTemporary(own.launch, server.logFile, begin);
    if (own.launch?.state !== "running") own.launch = undefined;
    const isStopped = answer === "absent" && !own.launch && !(await isPostmasterAlive(server));
    if (isStopped) own.launch = await launchPostmaster(server);
    await pause(POLL_INTERVAL_MS, undefined, signal ? { signal } : {});
  }
  throw new StartupError(`PostgreSQL accepts no connections on ${server.socketDir}: see ${server.logFile}.`);
}

/** Ends the server that an aborted start has launched, unless other processes use it by now. */
async function stopUnlessUsed(server: ServerSetup, launch: Launch): Promise<void> {
  const timeout = AbortSignal.timeout(ABORT_CHECK_TIMEOUT_MS);
  const answer = await tryLockUsage(server.socketDir, timeout).catch(() => "hangs");
  if (typeof answer === "object") await answer.release(() => stopPostmaster(server));
  else await launch.end();
}

async function throwUnlessTemporary(launch: Launch, logFile: string, begin: number): Promise<void> {
  const reason = await launch.readReason();
  if (HELD_BY_ANOTHER.test(reason) && performance.now() < begin + HELD_TIMEOUT_MS) return;
  throw new StartupError(`PostgreSQL did not start. ${logFile} says: ${reason}`);
}

interface StayOptions {
  readonly signal: AbortSignal;
  readonly logger: EmbeddedLogger | undefined;
}

/** Keeps the lock until `signal` aborts, and restarts the server and takes a new lock whenever the server dies. */
async function stayJoined(server: ServerSetup, first: UsageLock, { signal, logger }: StayOptions): Promise<void> {
  const aborted = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => aborted.resolve());
  let lock: UsageLock | undefined = first;
  while (lock && !signal.aborted) {
    await Promise.race([lock.lost, aborted.promise]);
    if (signal.aborted) break;
    logger?.warn({ logFile: server.logFile }, "embedded database stopped unexpectedly, restarting it");
    lock = await rejoin(server, { signal, logger });
  }
  while (!(await lock?.release(() => stopPostmaster(server)))) {
    lock = await takeLastLock(server);
    if (!lock) return;
  }
}

/** For a server that is restarting after a crash: otherwise no process would stop it. */
async function takeLastLock(server: ServerSetup): Promise<UsageLock | undefined> {
  const end = performance.now() + LAST_LOCK_TIMEOUT_MS;
  do {
    const answer = await tryLockUsage(server.socketDir);
    if (typeof answer === "object") return answer;
    await pause(POLL_INTERVAL_MS);
  } while (performance.now() < end && (await isPostmasterAlive(server)));
  return undefined;
}

/** Retries until it succeeds; undefined when `signal` aborts first. */
async function rejoin(server: ServerSetup, { signal, logger }: StayOptions): Promise<UsageLock | undefined> {
  const joined = await retry(() => joinServer(server, signal), {
    firstMs: RESTART_INTERVAL_MS,
    signal,
    onRetry: ({ error }) => logger?.warn({ err: error }, "could not restart the embedded database"),
  }).catch(() => undefined); // Only an abort ends the retries.
  return joined?.lock;
}
