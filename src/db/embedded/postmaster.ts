/**
 * The server's main process, the postmaster: starting it, stopping it, and telling whether it lives.
 *
 * It is started without a shell (pg_ctl uses one, and a DATA_DIR may hold any character) and in a session of its own, so
 * that Ctrl-C ends us and not it. Whether it takes connections is not known here.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { draftOf, findDrafts } from "../../process/draft-files.ts";
import { waitUpTo } from "../../process/timeout.ts";
import { errorCode } from "../error-code.ts";
import { commandAs, type PostgresBinaries, type ServerUser } from "./binaries.ts";
import { readFailure } from "./log.ts";

/** Pause between two looks at a server that is stopping, in milliseconds. */
const STOP_LOOK_INTERVAL_MS = 20;

/** A fast shutdown, an immediate one, and what even a process obeys that was stopped or hangs. */
const ENDING_SIGNALS = ["SIGINT", "SIGQUIT", "SIGKILL"] as const;
/** How long a postmaster may take to obey each of them, in milliseconds. */
const END_STEP_LIMIT_MS = 1_000;

export interface ServerFiles {
  readonly cluster: string;
  readonly socketDir: string;
  readonly logFile: string;
  readonly binaries: PostgresBinaries;
  readonly user: ServerUser;
  /** Server settings beside or over our own. */
  readonly settings: Readonly<Record<string, string>>;
}

/** A postmaster that we launched; it may also turn out to have lost the race against another one. */
export interface Launch {
  readonly pid: number | undefined;
  /** `stopped`: it ran, and somebody stopped it. `failed`: it could not run, or crashed. */
  readonly state: "running" | "stopped" | "failed";
  /** Why, when it failed: what its log says, in one line. */
  readonly readReason: () => Promise<string>;
  /** Ends it, however far it has come, within seconds. For one that nobody uses yet: it recovers at the next start. */
  readonly end: () => Promise<void>;
}

/** Starts the server and does not wait for it. */
export async function launchPostmaster(server: ServerFiles): Promise<Launch> {
  for (const pidFile of [pidFileOf(server.cluster), lockFileOf(server.socketDir)]) await removeAsides(pidFile);
  const settings = Object.entries({ ...ourSettings(server.socketDir), ...server.settings });
  const args = ["-D", server.cluster, ...settings.flatMap(([name, value]) => ["-c", `${name}=${value}`])];
  const log = await open(server.logFile, "a", 0o600);
  const logStart = (await log.stat()).size;
  const child = spawnDetached(server, args, log.fd);
  const launch: { state: Launch["state"]; failure?: Error } = { state: "running" };
  const ended = Promise.withResolvers<void>();
  child.once("exit", (code) => {
    launch.state = code === 0 ? "stopped" : "failed";
    ended.resolve();
  });
  child.once("error", (failure) => {
    Object.assign(launch, { state: "failed", failure });
    ended.resolve();
  });
  await log.close();
  return {
    pid: child.pid,
    get state() {
      return launch.state;
    },
    readReason: async () =>
      launch.failure?.message ?? (await readFailure(server.logFile, { pid: child.pid ?? 0, start: logStart })),
    end: async () => {
      for (const signal of ENDING_SIGNALS) {
        if (launch.state !== "running") return;
        child.kill(signal);
        await waitUpTo(END_STEP_LIMIT_MS, ended.promise);
      }
    },
  };
}

function spawnDetached({ binaries, cluster, user }: ServerFiles, args: string[], log: number): ChildProcess {
  const command = commandAs(user, binaries.postgres, args);
  const output = ["ignore", log, log] as const;
  const child = spawn(command.file, command.args, {
    ...command.who,
    detached: true,
    cwd: cluster,
    env: binaries.environment,
    stdio: [...output],
  });
  child.unref();
  return child;
}

/** Ends all its connections and waits until it has stopped. It must be running when this is called. */
export async function stopPostmaster(server: ServerFiles): Promise<void> {
  const pid = await readPid(server.cluster);
  if (pid === undefined || !(await isPostmasterAlive(server))) return;
  // What PostgreSQL calls a fast shutdown. Not by pg_ctl: a second Ctrl-C would end that, and the server would stay.
  signalServer(pid, "SIGINT");
  while ((await readPid(server.cluster)) === pid && (await isPostmasterAlive(server)))
    await pause(STOP_LOOK_INTERVAL_MS);
}

function signalServer(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It has ended meanwhile.
    if (errorCode(error) !== "ESRCH") throw error;
  }
}

/**
 * Whether the cluster's postmaster is running. The two files that name its process are removed when that number now belongs
 * to some other program (after a crash, or a container's restart): PostgreSQL would take that program for its postmaster and
 * refuse to start. It still cannot run twice: a living one holds the cluster's shared memory, which it checks as well.
 */
export async function isPostmasterAlive({ cluster, socketDir }: ServerFiles): Promise<boolean> {
  return (
    (await isNamedProcessAlive(pidFileOf(cluster), cluster)) || isNamedProcessAlive(lockFileOf(socketDir), cluster)
  );
}

/** Whether the server that runs is the one of this launch: of several at once only one wins. */
export async function isRunning({ pid }: Launch, cluster: string): Promise<boolean> {
  return pid !== undefined && pid === (await readPid(cluster));
}

async function readPid(cluster: string): Promise<number | undefined> {
  return firstNumber(await readIfThere(pidFileOf(cluster)));
}

const pidFileOf = (cluster: string): string => join(cluster, "postmaster.pid");
const lockFileOf = (socketDir: string): string => join(socketDir, ".s.PGSQL.5432.lock");

const IS_POSTGRES = /(^|\/)postgres(:|\s|$)/;

/** Looks at one such file, and removes it when the process that it names is no PostgreSQL. */
async function isNamedProcessAlive(pidFile: string, cluster: string): Promise<boolean> {
  const content = await readIfThere(pidFile);
  const pid = firstNumber(content);
  if (content === undefined || pid === undefined) return false;
  const command = await readCommand(pid);
  if (command === undefined) return false;
  // Empty: it has ended, but its parent did not ask for its exit code yet.
  if (!IS_POSTGRES.test(command)) await discardPidFile(pidFile, content);
  // Another cluster's postgres is left to PostgreSQL itself to judge.
  return command.includes(cluster);
}

/** The process id in the first line of a pid file. */
function firstNumber(content: string | undefined): number | undefined {
  const number = Number.parseInt(content ?? "", 10);
  return number > 0 ? number : undefined;
}

function ourSettings(socketDir: string): Record<string, string> {
  return {
    listen_addresses: "",
    // In double quotes: else a comma in the path would part it.
    unix_socket_directories: `"${socketDir.replaceAll('"', '""')}"`,
    unix_socket_permissions: "0700",
    port: "5432",
    max_connections: "200",
    shared_buffers: "64MB",
    timezone: "UTC",
    log_timezone: "UTC",
    log_checkpoints: "off",
    // Statements and the details of errors quote what people wrote: not for a log.
    log_min_error_statement: "panic",
    log_error_verbosity: "terse",
  };
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    // ESRCH: a process ended while its file in /proc was read.
    if (!["ENOENT", "ESRCH"].includes(errorCode(error) ?? "")) throw error;
    return undefined;
  }
}

/** A process's command line; empty when it has ended but is still listed, undefined when there is no such process. */
async function readCommand(pid: number): Promise<string | undefined> {
  if (process.platform === "linux") return (await readIfThere(`/proc/${pid}/cmdline`))?.replaceAll("\0", " ");
  try {
    return (await promisify(execFile)("/bin/ps", ["-o", "command=", "-p", String(pid)])).stdout;
  } catch (error) {
    // ps ends with 1 when it finds none.
    if (error instanceof Error && "code" in error && error.code === 1) return undefined;
    throw error;
  }
}

/** Moved aside first and looked at again: in between another process may have started the server, with a new file. */
async function discardPidFile(pidFile: string, content: string): Promise<void> {
  const aside = draftOf(pidFile);
  try {
    await rename(pidFile, aside);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
    return;
  }
  const moved = await readIfThere(aside);
  if (moved === undefined || moved === content) await rm(aside, { force: true });
  else await rename(aside, pidFile);
}

/** Removes what processes left that were killed in between, unless it names a server: that one is about to be moved back. */
async function removeAsides(pidFile: string): Promise<void> {
  for (const aside of await findDrafts(pidFile)) {
    const pid = firstNumber(await readIfThere(aside));
    const command = pid === undefined ? undefined : await readCommand(pid);
    if (!command || !IS_POSTGRES.test(command)) await rm(aside, { force: true });
  }
}
