/** Drafts: files that are written completely next to their final path and then renamed to it. */
import { randomBytes } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

const SUFFIX = /^\.[0-9a-f]{12}$/;

/** A unique path in the same folder as `path`. */
export function makeDraftPath(path: string): string {
  return `${path}.${randomBytes(6).toString("hex")}`;
}

/** The existing drafts for `path`, of all processes, killed ones included. Empty when the folder does not exist. */
export async function findDrafts(path: string): Promise<string[]> {
  const [folder, name] = [dirname(path), basename(path)];
  const names = await readdir(folder).catch(() => []);
  return names
    .filter((found) => found.startsWith(name) && SUFFIX.test(found.slice(name.length)))
    .map((found) => join(folder, found));
}

/** Removes the drafts for `path`. Another process that is about to rename one of them must create it again. */
export async function removeDrafts(path: string): Promise<void> {
  for (const draft of await findDrafts(path)) await rm(draft, { force: true });
}
