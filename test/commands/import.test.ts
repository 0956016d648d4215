import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { productsFile, salesFile } from "../db/import/import-support.ts";

const COMMAND = resolve("src/commands/import.ts");

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "counterhand-import-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs the command as npm does, in a folder without a `.env`, with an embedded database of its own. */
function run(...args: string[]): Promise<{ code: number; output: string; errors: string }> {
  const env = { PATH: process.env.PATH, HOME: folder, DATA_DIR: join(folder, "data") };
  return new Promise((settle) => {
    execFile(process.execPath, [COMMAND, ...args], { cwd: folder, env }, (error, output, errors) =>
      settle({ code: error ? Number(error.code) : 0, output, errors }),
    );
  });
}

async function writeCsv(name: string, content: string): Promise<string> {
  await writeFile(join(folder, name), content);
  return name;
}

test.each([
  ["nothing", []],
  ["an unknown kind", ["customers", "x.csv"]],
  ["no file", ["sales"]],
  ["too much", ["sales", "a.csv", "b.csv"]],
  ["an unknown option", ["sales", "a.csv", "--daily"]],
  ["an option without its value", ["sales", "a.csv", "--receipts"]],
])("the usage is shown for %s", async (_name, args) => {
  const { code, output, errors } = await run(...args);

  expect(code).toBe(1);
  expect(output).toBe("");
  expect(errors).toMatch(/^Usage:\n {2}npm run import -- products FILE\.csv/);
});

test("--receipts takes one of two words, and is for sales", async () => {
  const word = await run("sales", "a.csv", "--receipts", "weekly");
  const kind = await run("products", "a.csv", "--receipts=daily");

  expect([word, kind].map(({ code, output }) => [code, output])).toEqual([
    [1, ""],
    [1, ""],
  ]);
  // The file is looked at later.
  expect(word.errors).toBe('--receipts is unique or daily, not "weekly".\n');
  expect(kind.errors).toBe("--receipts is for sales: a file of products has no receipts.\n");
});

test("a missing file and a folder each give one sentence, without a stack trace", async () => {
  const missing = await run("sales", "nowhere.csv");
  const directory = await run("products", folder);

  expect(missing).toEqual({ code: 1, output: "", errors: "File not found: nowhere.csv\n" });
  expect(directory).toEqual({ code: 1, output: "", errors: `${folder} is a folder: give the path of a CSV file\n` });
});

test("the command imports, says what happened, and refuses a bad file with code 1", async () => {
  const stock = await writeCsv("stock.csv", productsFile("A,Latte,,45000,,5,"));
  const sold = await writeCsv("sold.csv", salesFile("R1,2025-11-14T21:58,A,1,45000,", "R1,2025-11-14T21:58,B,1,1000,"));
  const bad = await writeCsv("bad.csv", salesFile("R1,2025-11-14T21:58,A,none,45000,"));

  const outcomes = [
    await run("products", stock),
    await run("sales", sold),
    await run("sales", sold),
    await run("sales", bad),
  ];

  expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 0, 1]);
  expect(outcomes.map(({ output }) => output)).toEqual([
    "Imported 1 row: 1 new or changed.\nNew products: 1.\n",
    "Imported 2 rows: 1 receipt, 1 new or changed.\nThe latest sale is from 2025-11-14 21:58.\n1 unknown SKU was added as an inactive product: B.\n",
    "Read 2 rows: everything was already stored, nothing changed.\nThe latest sale is from 2025-11-14 21:58.\n",
    "",
  ]);
  expect(outcomes[3]?.errors).toBe(
    'Nothing was imported from bad.csv:\n  line 2, quantity: "none" is not a plain number such as 187000 or 4.50\n',
  );
});

test("receipts of another day are refused, and --receipts daily is said once", async () => {
  const monday = await writeCsv("monday.csv", salesFile("D1,2025-11-10T09:00,A,1,45000,"));
  const tuesday = await writeCsv("tuesday.csv", salesFile("D1,2025-11-11T09:00,A,1,45000,"));
  const wednesday = await writeCsv("wednesday.csv", salesFile("D1,2025-11-12T09:00,A,1,45000,"));

  await run("sales", monday);
  const refused = await run("sales", tuesday);
  const daily = await run("sales", tuesday, "--receipts", "daily");
  const remembered = await run("sales", wednesday);
  const back = await run("sales", "--receipts=unique", wednesday);

  expect(refused).toMatchObject({ code: 1, output: "" });
  expect(refused.errors).toContain("  line 2, receipt: 1 receipt has a number of 10 November 2025; ");
  expect(refused.errors).toContain("if the numbers begin anew each day, import with --receipts daily");
  expect(daily.output).toContain(
    "\nThe same receipt number on another day is another receipt (--receipts daily), also in the next file.\n",
  );
  expect(remembered.output).toContain("Imported 1 row: 1 receipt, 1 new or changed.");
  expect(remembered.output).toContain(
    "\nThe same receipt number on another day is another receipt (--receipts daily), as in the file before.\n",
  );
  expect(back.errors).toMatch(
    /^Nothing was imported from wednesday\.csv: 1 receipt number is stored with several days/,
  );
});
