/** Under which user the embedded server runs: PostgreSQL refuses root, so root needs another name for it. */
import { stat } from "node:fs/promises";
import { StartupError } from "../../errors.ts";
import { type PostgresBinaries, runAs, type ServerUser } from "./binaries.ts";

const OURSELVES: ServerUser = { prefix: [] };

/**
 * In a user namespace of its own root is "nobody" to the server, while its files stay root's outside.
 * Containers often forbid it.
 */
const IN_USER_NAMESPACE: ServerUser = { prefix: ["unshare", "--user", "--map-user=65534", "--map-group=65534"] };

/**
 * Ourselves, unless we are root. For root: the owner of `folder` when that is somebody else (so that files of a user stay
 * the user's), else a user namespace, else the users postgres and nobody. A StartupError when none of them can run
 * PostgreSQL here.
 */
export async function findServerUser(binaries: PostgresBinaries, folder: string): Promise<ServerUser> {
  if (process.getuid?.() !== 0) return OURSELVES;
  const { uid, gid } = await stat(folder);
  const candidates = uid === 0 ? rootsCandidates(binaries) : [async () => ({ prefix: [], uid, gid })];
  const reasons: string[] = [];
  for (const candidate of candidates) {
    try {
      const user = await candidate();
      // Proves more than the user: the programs can be reached and loaded by it.
      await runAs(user, [binaries.postgres, "--version"], { env: binaries.environment, cwd: "/" });
      return user;
    } catch (error) {
      reasons.push(lastLine(error instanceof Error ? error.message : String(error)));
    }
  }
  throw new StartupError(
    `PostgreSQL refuses to run as root, and no other user can run it here (${reasons.join("; ")}): start as a normal user, or set DATABASE_URL.`,
  );
}

function rootsCandidates(binaries: PostgresBinaries): (() => Promise<ServerUser>)[] {
  const named = (name: string) => async () => ({
    prefix: [],
    uid: await askId("-u", name, binaries),
    gid: await askId("-g", name, binaries),
  });
  return [async () => IN_USER_NAMESPACE, named("postgres"), named("nobody")];
}

async function askId(which: "-u" | "-g", name: string, { environment }: PostgresBinaries): Promise<number> {
  return Number(await runAs(OURSELVES, ["id", which, name], { env: environment }));
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? text;
}
