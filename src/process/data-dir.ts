/** What to do when the system cannot use DATA_DIR, or a file in it, by the system's code. For the end of a sentence. */
export function mendDataDir(code: string | undefined): string {
  if (code === "ENOSPC" || code === "EDQUOT")
    return "free some space on its disk, or set DATA_DIR to a folder on a larger one";
  if (code === "ENOTDIR" || code === "EEXIST") return "a part of its path is a file, so set DATA_DIR to a folder";
  if (code === "EROFS") return "its disk is mounted read-only, so set DATA_DIR to a folder on another one";
  return "set DATA_DIR to a folder that this user can write to";
}
