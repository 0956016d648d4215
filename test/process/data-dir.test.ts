import { expect, test } from "vitest";
import { mendDataDir } from "../../src/process/data-dir.ts";

test.each([
  ["ENOSPC", "free some space"],
  ["EDQUOT", "free some space"],
  ["ENOTDIR", "a part of its path is a file"],
  ["EROFS", "mounted read-only"],
  ["EACCES", "that this user can write to"],
  [undefined, "that this user can write to"],
])("%s: %s", (code, mend) => {
  expect(mendDataDir(code)).toContain(mend);
});
