import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { StartupError } from "../../src/errors.ts";
import { loadAdminToken, removeSecret, writeSecret } from "../../src/tokens/installation-token.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "admin-token-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

test("a token is created at the first start, readable by its owner only, and stays", async () => {
  const dataDir = join(folder, "deep", "data");

  const first = await loadAdminToken(null, dataDir);
  const second = await loadAdminToken(null, dataDir);

  const file = join(dataDir, "admin-token");
  expect(first).toEqual({ token: expect.stringMatching(/^ch_[a-z]{6}_[\w-]{43}$/), shellText: `$(cat ${file})`, file });
  expect(second).toEqual(first);
  expect(await readFile(file, "utf8")).toBe(`${first.token}\n`);
  expect([await modeOf(file), await modeOf(dataDir)]).toEqual(["600", "700"]);
  expect(await readdir(dataDir)).toEqual(["admin-token"]);
});

test("drafts of killed processes are removed at the next start", async () => {
  const { token } = await loadAdminToken(null, folder);
  const invite = join(folder, "owner-invite");
  for (const name of ["admin-token.0123456789ab", "owner-invite.0123456789ab", "admin-token.mine"])
    await writeFile(join(folder, name), "a draft");

  expect((await loadAdminToken(null, folder)).token).toBe(token);
  await writeSecret(invite, "a link", "w");
  expect((await readdir(folder)).sort()).toEqual(["admin-token", "admin-token.mine", "owner-invite"]);

  await removeSecret(invite);
  expect((await readdir(folder)).sort()).toEqual(["admin-token", "admin-token.mine"]);
});

test("a secret is written even if another start removes its draft", async () => {
  const file = join(folder, "owner-invite");
  const writers = Array.from({ length: 20 }, (_, number) => writeSecret(file, `link ${number}`, "w"));

  await Promise.all(writers);

  expect(await readdir(folder)).toEqual(["owner-invite"]);
});

test("a configured token is used, and nothing is written", async () => {
  const given = "g".repeat(32);

  const token = await loadAdminToken(given, join(folder, "data"));

  expect(token).toEqual({ token: given, shellText: "$ADMIN_TOKEN", file: null });
  expect(await readdir(folder)).toEqual([]);
});

test("concurrent starts agree on one token and leave no other files", async () => {
  const tokens = await Promise.all(Array.from({ length: 50 }, () => loadAdminToken(null, folder)));

  expect(new Set(tokens.map(({ token }) => token)).size).toBe(1);
  expect(await readFile(join(folder, "admin-token"), "utf8")).toBe(`${tokens[0]?.token}\n`);
  expect(await readdir(folder)).toEqual(["admin-token"]);
});

test("nobody ever reads half a token: the file is written atomically", async () => {
  const seen: string[] = [];
  for (let round = 0; round < 50; round++) {
    const file = join(folder, String(round), "admin-token");
    let isMade = false;
    const making = loadAdminToken(null, join(folder, String(round))).finally(() => {
      isMade = true;
    });
    while (!isMade) seen.push(await readFile(file, "utf8").catch(() => "none yet"));
    await making;
  }

  const halves = seen.filter((text) => text !== "none yet" && !/^ch_[a-z]{6}_[\w-]{43}\n$/.test(text));
  expect(halves).toEqual([]);
});

test("a file with a token that is too short stops the start, unchanged, with a message that says what to do", async () => {
  const file = join(folder, "admin-token");
  await writeFile(file, "short\n");

  const attempt = loadAdminToken(null, folder);

  const message = `${file} has no token of at least 32 characters: delete it to generate a new one.`;
  await expect(attempt).rejects.toEqual(new StartupError(message));
  expect(await readFile(file, "utf8")).toBe("short\n");
});

test("the shell expression works for any path", async () => {
  const { shellText } = await loadAdminToken(null, join(folder, "Lan's data"));

  expect(shellText).toBe(`$(cat '${folder}/Lan'\\''s data/admin-token')`);
});

test("a secret that is written again replaces the old one, readable by its owner only", async () => {
  const file = join(folder, "owner-invite");
  await writeFile(file, "old and longer\n", { mode: 0o644 });
  await chmod(file, 0o644);

  await writeSecret(file, "new", "w");

  expect(await readFile(file, "utf8")).toBe("new\n");
  expect(await modeOf(file)).toBe("600");
});

test("a DATA_DIR that is a file, or is below one, is told so", async () => {
  const file = join(folder, "a-file");
  await writeFile(file, "");

  await expect(loadAdminToken(null, file)).rejects.toThrow(StartupError);
  await expect(loadAdminToken(null, file)).rejects.toThrow("(ENOTDIR): a part of its path is a file");
  await expect(loadAdminToken(null, join(file, "data"))).rejects.toThrow("(ENOTDIR): a part of its path is a file");
  await expect(writeSecret(join(file, "owner-invite"), "a link", "w")).rejects.toThrow("a part of its path is a file");
});
