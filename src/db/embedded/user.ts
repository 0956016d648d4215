/** The operating system user that runs the embedded server: PostgreSQL refuses root, so root needs another one. */
import { stat } from "node:fs/promises";
import { StartupError } from "../../errors.ts";
import { type PostgresBinaries, runAs, type ServerUser } from "./binaries.ts";

const CURRENT_USER: ServerUser = { prefix: [] };

/**
 * Runs a program in a user namespace of its own: there the user is "nobody", while its files outside still belong to the user.
 * Containers often forbid user namespaces.
 */
export const AS_NOBODY: ServerUser["prefix"] = ["unshare", "--user", "--map-user=65534", "--map-group=65534"];

/**
 * The current user, unless it is root. For root: the owner of `folder` if that is another user (so that a user's files stay
 * the user's), else a user namespace, else the users postgres and nobody. A StartupError when none of them can run
 * PostgreSQL here.
 */
export async function findServerUser(binaries: PostgresBinaries, folder: string): Promise<ServerUser> {
  if (process.getuid?.() !== 0) return CURRENT_USER;
  const { uid, gid } = await stat(folder);
  const candidates = uid === 0 ? candidatesForRoot(binaries) : [async () => ({ prefix: [], uid, gid })];
  const reasons: string[] = [];
  for (const candidate of candidates) {
    try {
      const user = await candidate();
      // Also proves that this user can read and load the programs.
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

function candidatesForRoot(binaries: PostgresBinaries): (() => Promise<ServerUser>)[] {
  const named = (name: string) => async () => ({
    prefix: [],
    uid: await readId("-u", name, binaries),
    gid: await readId("-g", name, binaries),
  });
  return [async () => ({ prefix: AS_NOBODY }), named("postgres"), named("nobody")];
}

async function readId(which: "-u" | "-g", name: string, { environment }: PostgresBinaries): Promise<number> {
  return Number(await runAs(CURRENT_USER, ["id", which, name], { env: environment }));
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? text;
}
