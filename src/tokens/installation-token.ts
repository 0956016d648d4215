/** The admin token of this installation: from `ADMIN_TOKEN`, or generated once and stored in `DATA_DIR`, readable by its owner only. */
import { link, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { StartupError } from "../errors.ts";
import { makeDraftPath, removeDrafts } from "../process/draft-files.ts";
import { makeToken } from "./make-token.ts";

export interface AdminToken {
  token: string;
  /** A shell expression for the token, to show in commands without its value. */
  shellText: string;
  /** The file it is stored in; null if it was configured. */
  file: string | null;
}

/** Returns the configured token, else reads or creates `DATA_DIR/admin-token` (mode 0600). @throws {StartupError} */
export async function loadAdminToken(configured: string | null, dataDir: string): Promise<AdminToken> {
  const file = join(dataDir, "admin-token");
  await removeDrafts(file);
  if (configured !== null) return { token: configured, shellText: "$ADMIN_TOKEN", file: null };
  return {
    token: (await readToken(file)) ?? (await createToken(file)),
    shellText: `$(cat ${shellQuoted(file)})`,
    file,
  };
}

/** Removes a secret, and draft files of it from killed processes. */
export async function removeSecret(file: string): Promise<void> {
  await removeDrafts(file);
  await rm(file, { force: true });
}

/**
 * Writes a secret atomically, readable by this user only: another process may read it at the same moment. With `wx` an existing
 * file stays, and `EEXIST` is thrown. @throws {StartupError} if `DATA_DIR` is not writable.
 */
export async function writeSecret(file: string, secret: string, flag: "wx" | "w"): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await removeDrafts(file);
    while (!(await writeAtomically(makeDraftPath(file), file, { secret, isExclusive: flag === "wx" })));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" && flag === "wx") throw error;
    throw new StartupError(
      `Cannot write ${file} (${code}): ${MENDS.get(code) ?? "make DATA_DIR writable for this user"}.`,
    );
  }
}

/** What to do about the faults of a disk that are no lack of rights. */
const MENDS = new Map<string | undefined, string>([
  ["ENOSPC", "free some space on its disk"],
  ["EDQUOT", "free some space, or raise the user's quota"],
  ["ENOTDIR", "a part of the path DATA_DIR is a file, not a folder"],
  ["EROFS", "the disk is mounted read-only: set DATA_DIR to a folder on another one"],
]);

/** False if another process removed the draft, because it took it for the draft of a killed process. */
async function writeAtomically(
  draft: string,
  file: string,
  { secret, isExclusive }: { secret: string; isExclusive: boolean },
): Promise<boolean> {
  await writeFile(draft, `${secret}\n`, { mode: 0o600, flag: "wx" });
  try {
    await (isExclusive ? link(draft, file) : rename(draft, file));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return false;
  } finally {
    await rm(draft, { force: true });
  }
}

async function readToken(file: string): Promise<string | undefined> {
  try {
    const token = (await readFile(file, "utf8")).trim();
    if (token.length >= 32) return token;
    throw new StartupError(`${file} has no token of at least 32 characters: delete it to generate a new one.`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    if (error instanceof StartupError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new StartupError(`Cannot read ${file} (${code}): ${MENDS.get(code) ?? "make it readable for this user"}.`);
  }
}

async function createToken(file: string): Promise<string> {
  const { token } = makeToken();
  try {
    await writeSecret(file, token, "wx");
    return token;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    // Another process that started at the same moment created it.
    return (await readToken(file)) ?? token;
  }
}

function shellQuoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
