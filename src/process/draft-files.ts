/** Files that are made beside their place and then moved there, whole: their names, and what killed processes left of them. */
import { randomBytes } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

const SUFFIX = /^\.[0-9a-f]{12}$/;

/** A unique path in the same folder as `path`. */
export function makeDraftPath(path: string): string {
  return `${path}.${randomBytes(6).toString("hex")}`;
}

/** The drafts for `path` that are there, of whichever process; none where there is no such folder. */
export async function findDrafts(path: string): Promise<string[]> {
  const [folder, name] = [dirname(path), basename(path)];
  const names = await readdir(folder).catch(() => []);
  return names
    .filter((found) => found.startsWith(name) && SUFFIX.test(found.slice(name.length)))
    .map((found) => join(folder, found));
}

/** Removes the drafts for `path`. Another process may be about to move one: it has to make it again then. */
export async function removeDrafts(path: string): Promise<void> {
  for (const draft of await findDrafts(path)) await rm(draft, { force: true });
}
