/**
 * A PostgreSQL of our own, in DATA_DIR: what runs when no DATABASE_URL is given.
 *
 * Several processes may use one DATA_DIR: the first starts the server, the others join it, the last one out stops it. It is
 * a real server over a Unix socket, with no port and no password. What is stored in it is not known here.
 */
import { realpath, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { StartupError } from "../../errors.ts";
import { retry } from "../../process/retry.ts";
import { diskFullError, explainFullDisk, hasRunOutOfSpace, type ServerDisk } from "../disk-full.ts";
import { exists, findPostgresBinaries } from "./binaries.ts";
import { clusterDir, ensureCluster, ensureSocketDir, giveDataDirTo, prepareDataDir } from "./folders.ts";
import { EMBEDDED_USER, type Lease, tryTakeLease } from "./usage-lock.ts";
import {
  isPostmasterAlive,
  isRunning,
  type Launch,
  launchPostmaster,
  type ServerFiles,
  stopPostmaster,
} from "./postmaster.ts";
import { findServerUser } from "./user.ts";

export interface EmbeddedOptions {
  /** Where the cluster and the log go; made when it is not there. */
  readonly dataDir: string;
  readonly logger?: EmbeddedLogger;
  /** PostgreSQL settings over our own. They count only for who starts the server. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Gives the start up: it rejects within seconds, and leaves no server behind that nobody uses. */
  readonly signal?: AbortSignal | undefined;
}

/** The part of a pino logger that is used here. */
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
  /** False when the server was running already. */
  readonly startedHere: boolean;
  readonly logFile: string;
  /** `error`, or one that names DATA_DIR's disk when it comes from that being full. */
  explain(error: unknown): Promise<unknown>;
  /**
   * This process needs the server no more; close its pools first. Stops the server when no other process uses it. May be
   * called again.
   */
  release(): Promise<void>;
}

const LOG_FILE = "postgres.log";

/** Pause between two looks at a server that is starting or stopping, in milliseconds. */
const LOOK_INTERVAL_MS = 50;

/** Recovery after a crash replays what was written since the last checkpoint: minutes at worst on a slow disk. */
const START_LIMIT_MS = 300_000;

/** How PostgreSQL says that another one has the cluster: one that won a race, or what a killed one left running. */
const HELD_BY_ANOTHER = /lock file .* (already exists|is empty)|shared memory block .* still in use/;

/** How long that may last, in milliseconds: what a killed server left ends with the statement it is at. */
const HELD_LIMIT_MS = 30_000;

/** How long one who leaves waits for a server that is coming up, in milliseconds. */
const LAST_LEASE_LIMIT_MS = 10_000;
/** How long a start that is given up looks whether others use the server that it launched, in milliseconds. */
const ABANDON_LOOK_LIMIT_MS = 1_000;

/** Pause after a start in the background that failed, in milliseconds. */
const RESTART_INTERVAL_MS = 5_000;

/**
 * Starts the server in `dataDir`, or joins the one that runs there; returns when it takes queries. From then on a server that
 * dies is started again, until `release`. Whatever makes it impossible is a StartupError in one sentence.
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { logger } = options;
  const disk = await lookAtDisk(options);
  const server = await prepareServer(options).catch(async (error) => {
    throw await explainFullDisk(error, disk);
  });
  const { lease, startedHere } = await joinServer(server, options.signal).catch(async (error) => {
    const isFull = !options.signal?.aborted && (await hasRunOutOfSpace(disk));
    throw isFull ? diskFullError(disk.dataDir, error) : error;
  });
  const leaving = new AbortController();
  const { socketDir, logFile } = server;
  const { version } = lease;
  logger?.info({ socketDir, version }, startedHere ? "embedded database started" : "embedded database joined");
  const left = stayJoined(server, lease, { signal: leaving.signal, logger });
  const release = async () => {
    leaving.abort();
    await left;
  };
  const explain = (error: unknown) => explainFullDisk(error, disk);
  return { socketDir, user: EMBEDDED_USER, version, startedHere, logFile, explain, release };
}

async function lookAtDisk({ dataDir: given }: EmbeddedOptions): Promise<ServerDisk> {
  const dataDir = resolve(given);
  const logFile = join(dataDir, LOG_FILE);
  const log = await stat(logFile).catch(() => undefined); // there is none yet, or the next step says what is wrong
  return { dataDir, logFile, logStart: log?.size ?? 0 };
}

async function prepareServer({ dataDir: given, settings = {}, signal }: EmbeddedOptions): Promise<ServerFiles> {
  await prepareDataDir(resolve(given));
  // One folder, one name: the socket's place and the pid file's check follow from it.
  const dataDir = await realpath(given);
  const cluster = clusterDir(dataDir);
  const binaries = await findPostgresBinaries(join(dataDir, "pg-lib"));
  const user = await findServerUser(binaries, (await exists(cluster)) ? cluster : dataDir);
  await giveDataDirTo(user, dataDir);
  await ensureCluster(dataDir, { binaries, user, signal });
  signal?.throwIfAborted();
  const socketDir = await ensureSocketDir(dataDir, user);
  return { cluster, socketDir, logFile: join(dataDir, LOG_FILE), binaries, user, settings };
}

interface Joined {
  readonly lease: Lease;
  readonly startedHere: boolean;
}

/** Takes a lease, and starts the server for it when there is none. Rejects when `signal` aborts. */
async function joinServer(server: ServerFiles, signal: AbortSignal | undefined): Promise<Joined> {
  const own: { launch?: Launch | undefined } = {};
  try {
    return await tryToJoin(server, own, signal);
  } catch (error) {
    // A server that is only slow is left to go on: the next start finds it further.
    if (signal?.aborted && own.launch) await abandon(server, own.launch);
    signal?.throwIfAborted();
    throw error;
  }
}

/** `own.launch` is the server that it started last. */
async function tryToJoin(
  server: ServerFiles,
  own: { launch?: Launch | undefined },
  signal: AbortSignal | undefined,
): Promise<Joined> {
  const begin = performance.now();
  while (performance.now() < begin + START_LIMIT_MS) {
    const answer = await tryTakeLease(server.socketDir, signal);
    if (typeof answer === "object")
      return { lease: answer, startedHere: own.launch !== undefined && (await isRunning(own.launch, server.cluster)) };
    if (own.launch?.state === "failed") await refuseFailure(own.launch, server.logFile, begin);
    if (own.launch?.state !== "running") own.launch = undefined;
    const isNobodyThere = answer === "absent" && !own.launch && !(await isPostmasterAlive(server));
    if (isNobodyThere) own.launch = await launchPostmaster(server);
    await pause(LOOK_INTERVAL_MS, undefined, signal ? { signal } : {});
  }
  throw new StartupError(`PostgreSQL takes no connections on ${server.socketDir}: see ${server.logFile}.`);
}

/** Ends a server that was launched by a start that is given up, unless others use it by now. */
async function abandon(server: ServerFiles, launch: Launch): Promise<void> {
  const looking = AbortSignal.timeout(ABANDON_LOOK_LIMIT_MS);
  const answer = await tryTakeLease(server.socketDir, looking).catch(() => "hangs");
  if (typeof answer === "object") await answer.leave(() => stopPostmaster(server));
  else await launch.end();
}

async function refuseFailure(launch: Launch, logFile: string, begin: number): Promise<void> {
  const reason = await launch.readReason();
  if (HELD_BY_ANOTHER.test(reason) && performance.now() < begin + HELD_LIMIT_MS) return;
  throw new StartupError(`PostgreSQL did not start; ${logFile} ends with: ${reason}`);
}

interface Stay {
  readonly signal: AbortSignal;
  readonly logger: EmbeddedLogger | undefined;
}

/** Holds the lease until `signal` aborts, and takes a new one whenever the server dies. */
async function stayJoined(server: ServerFiles, first: Lease, { signal, logger }: Stay): Promise<void> {
  const aborted = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => aborted.resolve());
  let lease: Lease | undefined = first;
  while (lease && !signal.aborted) {
    await Promise.race([lease.lost, aborted.promise]);
    if (signal.aborted) break;
    logger?.warn({ logFile: server.logFile }, "embedded database went away, starting it again");
    lease = await rejoin(server, { signal, logger });
  }
  while (!(await lease?.leave(() => stopPostmaster(server)))) {
    lease = await takeLastLease(server);
    if (!lease) return;
  }
}

/** For a server that went away and may be coming up again by itself: else nobody would be the last one out. */
async function takeLastLease(server: ServerFiles): Promise<Lease | undefined> {
  const end = performance.now() + LAST_LEASE_LIMIT_MS;
  do {
    const answer = await tryTakeLease(server.socketDir);
    if (typeof answer === "object") return answer;
    await pause(LOOK_INTERVAL_MS);
  } while (performance.now() < end && (await isPostmasterAlive(server)));
  return undefined;
}

/** Tries until it works; undefined when `signal` aborts first. */
async function rejoin(server: ServerFiles, { signal, logger }: Stay): Promise<Lease | undefined> {
  const joined = await retry(() => joinServer(server, signal), {
    firstMs: RESTART_INTERVAL_MS,
    signal,
    onRetry: ({ error }) => logger?.warn({ err: error }, "embedded database did not start again"),
  }).catch(() => undefined); // Only an abort ends the retries.
  return joined?.lease;
}
