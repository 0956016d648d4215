/** The admin token of this installation: given by `ADMIN_TOKEN`, else made once and kept in `DATA_DIR`, for its owner only. */
import { link, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { StartupError } from "../errors.ts";
import { draftOf, removeDrafts } from "../process/draft-files.ts";
import { makeToken } from "./make-token.ts";

export interface AdminToken {
  token: string;
  /** How a shell on this machine spells it in a command, without its value. */
  shellText: string;
  /** Where it is kept; null when it was given. */
  file: string | null;
}

/** Takes the given token, else reads or makes `DATA_DIR/admin-token` (0600). @throws {StartupError} */
export async function loadAdminToken(given: string | null, dataDir: string): Promise<AdminToken> {
  const file = join(dataDir, "admin-token");
  await removeDrafts(file);
  if (given !== null) return { token: given, shellText: "$ADMIN_TOKEN", file: null };
  return { token: (await read(file)) ?? (await make(file)), shellText: `$(cat ${shellQuoted(file)})`, file };
}

/** Removes a secret, and what killed processes left of it. */
export async function removeSecret(file: string): Promise<void> {
  await removeDrafts(file);
  await rm(file, { force: true });
}

/**
 * Writes a secret that only this user may read, whole or not at all: another process may read it at the same moment.
 * `wx` keeps a file that is there and throws its `EEXIST`. @throws {StartupError} when `DATA_DIR` cannot be written.
 */
export async function writeSecret(file: string, secret: string, flag: "wx" | "w"): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await removeDrafts(file);
    while (!(await moveWhole(draftOf(file), file, { secret, keep: flag === "wx" })));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" && flag === "wx") throw error;
    throw new StartupError(`Cannot write ${file} (${code}): make DATA_DIR writable for this user.`);
  }
}

/** False when another process took the draft for one that a killed process had left, and removed it. */
async function moveWhole(
  draft: string,
  file: string,
  { secret, keep }: { secret: string; keep: boolean },
): Promise<boolean> {
  await writeFile(draft, `${secret}\n`, { mode: 0o600, flag: "wx" });
  try {
    await (keep ? link(draft, file) : rename(draft, file));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return false;
  } finally {
    await rm(draft, { force: true });
  }
}

async function read(file: string): Promise<string | undefined> {
  try {
    const token = (await readFile(file, "utf8")).trim();
    if (token.length >= 32) return token;
    throw new StartupError(`${file} holds no token of at least 32 characters: delete it, and a new one is made.`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    if (error instanceof StartupError) throw error;
    throw new StartupError(
      `Cannot read ${file} (${(error as NodeJS.ErrnoException).code}): make it readable for this user.`,
    );
  }
}

async function make(file: string): Promise<string> {
  const { token } = makeToken();
  try {
    await writeSecret(file, token, "wx");
    return token;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    // Another process that started at the same moment made it.
    return (await read(file)) ?? token;
  }
}

function shellQuoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
