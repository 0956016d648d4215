/**
 * The server's main process, the postmaster: starts it, stops it, and checks whether it is running.
 *
 * It is started without a shell (pg_ctl uses one, and DATA_DIR may contain any character), and in a process session of its
 * own, so that Ctrl-C does not reach it. Whether it accepts connections is not this module's concern.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { findDrafts, makeDraftPath } from "../../process/draft-files.ts";
import { waitUpTo } from "../../process/timeout.ts";
import { errorCode } from "../error-code.ts";
import { commandAs, type PostgresBinaries, type ServerUser } from "./binaries.ts";
import { readFailureReason } from "./log.ts";

/** Pause between two checks of a server that is stopping, in milliseconds. */
const STOP_POLL_INTERVAL_MS = 20;

/** A fast shutdown, an immediate shutdown, and the signal that ends even a process that hangs. */
const SHUTDOWN_SIGNALS = ["SIGINT", "SIGQUIT", "SIGKILL"] as const;
/** How long a postmaster may take after each of them, in milliseconds. */
const SIGNAL_TIMEOUT_MS = 1_000;

export interface ServerSetup {
  readonly cluster: string;
  readonly socketDir: string;
  readonly logFile: string;
  readonly binaries: PostgresBinaries;
  readonly user: ServerUser;
  /** Server settings in addition to our own, which they override. */
  readonly settings: Readonly<Record<string, string>>;
}

/** A postmaster that this process launched. It fails when another one was faster. */
export interface Launch {
  readonly pid: number | undefined;
  /** `stopped`: it ended with exit code 0. `failed`: it could not run, or crashed. */
  readonly state: "running" | "stopped" | "failed";
  /** Why it failed, as one line of its log. */
  readonly readReason: () => Promise<string>;
  /** Ends it within seconds, in any state. Only for a server that no client uses yet: it recovers at the next start. */
  readonly end: () => Promise<void>;
}

/** Starts the server without waiting until it accepts connections. */
export async function launchPostmaster(server: ServerSetup): Promise<Launch> {
  for (const pidFile of [pidFileOf(server.cluster), lockFileOf(server.socketDir)]) await removeLeftovers(pidFile);
  const settings = Object.entries({ ...defaultSettings(server.socketDir), ...server.settings });
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
      launch.failure?.message ?? (await readFailureReason(server.logFile, { pid: child.pid ?? 0, start: logStart })),
    end: async () => {
      for (const signal of SHUTDOWN_SIGNALS) {
        if (launch.state !== "running") return;
        child.kill(signal);
        await waitUpTo(SIGNAL_TIMEOUT_MS, ended.promise);
      }
    },
  };
}

function spawnDetached({ binaries, cluster, user }: ServerSetup, args: string[], log: number): ChildProcess {
  const command = commandAs(user, binaries.postgres, args);
  const output = ["ignore", log, log] as const;
  const child = spawn(command.file, command.args, {
    ...command.userOptions,
    detached: true,
    cwd: cluster,
    env: binaries.environment,
    stdio: [...output],
  });
  child.unref();
  return child;
}

/** Ends all connections of the running server and waits until it has stopped. */
export async function stopPostmaster(server: ServerSetup): Promise<void> {
  const pid = await readPid(server.cluster);
  if (pid === undefined || !(await isPostmasterAlive(server))) return;
  // A fast shutdown. Not with pg_ctl: a second Ctrl-C would end pg_ctl, and the server would keep running.
  signalServer(pid, "SIGINT");
  while ((await readPid(server.cluster)) === pid && (await isPostmasterAlive(server)))
    await pause(STOP_POLL_INTERVAL_MS);
}

function signalServer(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It has already ended.
    if (errorCode(error) !== "ESRCH") throw error;
  }
}

/**
 * Whether the cluster's postmaster is running. Removes its pid file and its socket's lock file when their process id now
 * belongs to another program (after a crash, or a container's restart): PostgreSQL would take that program for its postmaster
 * and refuse to start. It still cannot run twice, because a running one holds the cluster's shared memory, which PostgreSQL
 * checks too.
 */
export async function isPostmasterAlive({ cluster, socketDir }: ServerSetup): Promise<boolean> {
  return (
    (await isNamedProcessAlive(pidFileOf(cluster), cluster)) || isNamedProcessAlive(lockFileOf(socketDir), cluster)
  );
}

/** Whether the running server is the one of this launch: of several launches at once only one wins. */
export async function isRunning({ pid }: Launch, cluster: string): Promise<boolean> {
  return pid !== undefined && pid === (await readPid(cluster));
}

async function readPid(cluster: string): Promise<number | undefined> {
  return firstNumber(await readIfExists(pidFileOf(cluster)));
}

const pidFileOf = (cluster: string): string => join(cluster, "postmaster.pid");
const lockFileOf = (socketDir: string): string => join(socketDir, ".s.PGSQL.5432.lock");

const IS_POSTGRES = /(^|\/)postgres(:|\s|$)/;

/** Checks the process that a pid file names, and removes the file when that process is not PostgreSQL. */
async function isNamedProcessAlive(pidFile: string, cluster: string): Promise<boolean> {
  const content = await readIfExists(pidFile);
  const pid = firstNumber(content);
  if (content === undefined || pid === undefined) return false;
  const command = await readCommand(pid);
  if (command === undefined) return false;
  // Empty for a zombie: it has ended, but its parent has not read its exit code yet.
  if (!IS_POSTGRES.test(command)) await discardPidFile(pidFile, content);
  // PostgreSQL itself handles the postmaster of another cluster.
  return command.includes(cluster);
}

/** The process id in the first line of a pid file. */
function firstNumber(content: string | undefined): number | undefined {
  const number = Number.parseInt(content ?? "", 10);
  return number > 0 ? number : undefined;
}

function defaultSettings(socketDir: string): Record<string, string> {
  return {
    listen_addresses: "",
    // In double quotes, because a comma would separate two paths.
    unix_socket_directories: `"${socketDir.replaceAll('"', '""')}"`,
    unix_socket_permissions: "0700",
    port: "5432",
    max_connections: "200",
    shared_buffers: "64MB",
    timezone: "UTC",
    log_timezone: "UTC",
    log_checkpoints: "off",
    // Statements and error details quote what people wrote, which must not be logged.
    log_min_error_statement: "panic",
    log_error_verbosity: "terse",
  };
}

async function readIfExists(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    // ESRCH: the process ended while its file in /proc was read.
    if (!["ENOENT", "ESRCH"].includes(errorCode(error) ?? "")) throw error;
    return undefined;
  }
}

/** A process's command line; empty for a zombie, undefined when there is no such process. */
async function readCommand(pid: number): Promise<string | undefined> {
  if (process.platform === "linux") return (await readIfExists(`/proc/${pid}/cmdline`))?.replaceAll("\0", " ");
  try {
    return (await promisify(execFile)("/bin/ps", ["-o", "command=", "-p", String(pid)])).stdout;
  } catch (error) {
    // ps exits with 1 when there is no such process.
    if (error instanceof Error && "code" in error && error.code === 1) return undefined;
    throw error;
  }
}

/** Renames the file, then compares its content again: another process may have started the server with a new file. */
async function discardPidFile(pidFile: string, content: string): Promise<void> {
  const renamed = makeDraftPath(pidFile);
  try {
    await rename(pidFile, renamed);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
    return;
  }
  const found = await readIfExists(renamed);
  if (found === undefined || found === content) await rm(renamed, { force: true });
  else await rename(renamed, pidFile);
}

/** Removes renamed pid files of killed processes, except for one that names a server: its process will rename it back. */
async function removeLeftovers(pidFile: string): Promise<void> {
  for (const leftover of await findDrafts(pidFile)) {
    const pid = firstNumber(await readIfExists(leftover));
    const command = pid === undefined ? undefined : await readCommand(pid);
    if (!command || !IS_POSTGRES.test(command)) await rm(leftover, { force: true });
  }
}
