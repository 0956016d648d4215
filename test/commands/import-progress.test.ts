import { once } from "node:events";
import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { drawProgress, writeProgress } from "../../src/commands/import-progress.ts";

const READ = { bytesRead: 500, totalBytes: 1_000, rows: 1_234_567 };

test("without a terminal a line reports the progress from time to time, in each phase", async () => {
  const output = new PassThrough({ encoding: "utf8" });
  const progress = writeProgress(output, 1);

  progress.show({ ...READ, phase: "reading" });
  const [reading] = await once(output, "data");
  progress.show({ ...READ, phase: "saving" });
  const [saving] = await once(output, "data");
  progress.stop();

  expect(reading).toMatch(/^Reading the file: 1 234 567 rows, \d+ s so far\n$/);
  expect(saving).toMatch(/^Saving: 1 234 567 rows, \d+ s so far\n$/);
});

test("one row is one", async () => {
  const output = new PassThrough({ encoding: "utf8" });
  const progress = writeProgress(output, 1);

  progress.show({ ...READ, rows: 1, phase: "saving" });
  const [saving] = await once(output, "data");
  progress.stop();

  expect(saving).toMatch(/^Saving: 1 row, \d+ s so far\n$/);
});

test("a short import writes no line", () => {
  const output = new PassThrough({ encoding: "utf8" });
  const progress = writeProgress(output);

  progress.show({ ...READ, phase: "saving" });
  progress.stop();

  expect(output.read()).toBeNull();
});

test("a terminal shows a bar while the file is read, and then the elapsed seconds, also without further progress", async () => {
  const terminal = Object.assign(new PassThrough({ encoding: "utf8" }), { isTTY: true, columns: 100 });
  let drawn = "";
  terminal.on("data", (text: string) => {
    drawn += text;
  });
  const progress = drawProgress(terminal as unknown as NodeJS.WriteStream);

  progress.show({ ...READ, phase: "reading" });
  await expect.poll(() => drawn).toMatch(/=--+\] 50 % Reading the file: 1 234 567 rows, \d+ s so far/);
  progress.show({ ...READ, phase: "saving" });
  await expect.poll(() => drawn).toMatch(/Saving: 1 234 567 rows, 1 s so far/);
  await expect.poll(() => drawn).toMatch(/Saving: 1 234 567 rows, 2 s so far/);
  progress.stop();
});
