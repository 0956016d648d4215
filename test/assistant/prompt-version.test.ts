import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { promptWords, writePrompt } from "../../src/assistant/prompt.ts";
import { versionOfPrompt } from "../../src/assistant/prompt-version.ts";
import { createToolRegistry } from "../../src/tools/registry.ts";
import { NEW_YORK } from "../support/shop.ts";

const WORDS = "You are the Assistant of {shop}. Be brief.";
const TOOL = { name: "CheckStock", description: "What is out.", parameters: { type: "object", properties: {} } };

test("a version is short, and equal for equal texts", () => {
  expect(versionOfPrompt(WORDS, [TOOL])).toMatch(/^[0-9a-f]{12}$/);
  expect(versionOfPrompt(WORDS, [structuredClone(TOOL)])).toBe(versionOfPrompt(WORDS, [TOOL]));
});

test.each([
  ["another sentence", `${WORDS} Be kind.`, [TOOL]],
  ["another tool", WORDS, [TOOL, { ...TOOL, name: "CheckSales" }]],
  ["no tool", WORDS, []],
  ["another name of a tool", WORDS, [{ ...TOOL, name: "CheckSales" }]],
  ["another description of a tool", WORDS, [{ ...TOOL, description: "What is low." }]],
  ["another parameter of a tool", WORDS, [{ ...TOOL, parameters: { type: "object", properties: { n: {} } } }]],
])("%s makes another version", (_, words, tools) => {
  expect(versionOfPrompt(words, tools)).not.toBe(versionOfPrompt(WORDS, [TOOL]));
});

test("every process on every machine computes the same version", () => {
  const script = `
    import { promptWords } from "./src/assistant/prompt.ts";
    import { versionOfPrompt } from "./src/assistant/prompt-version.ts";
    import { createToolRegistry } from "./src/tools/registry.ts";
    const tools = [...createToolRegistry(["owner"]).values()];
    process.stdout.write(versionOfPrompt(promptWords(), tools.map(({ name, description, parameters }) => ({ name, description, parameters }))));`;
  const inAnother = execFileSync(process.execPath, ["--input-type=module", "--eval", script], {
    encoding: "utf8",
    env: { ...process.env, TZ: "America/New_York", LANG: "vi_VN.UTF-8" },
  });

  const tools = [...createToolRegistry(["staff", "owner"]).values()];
  const described = tools.map(({ name, description, parameters }) => ({ name, description, parameters }));
  expect(versionOfPrompt(promptWords(), described)).toBe(inAnother);
});

test("the prompt's text has every sentence of a prompt, and none of its facts", () => {
  const prompt = writePrompt({
    shop: NEW_YORK,
    now: new Date("2026-11-21T17:30:00Z"),
    askedAt: new Date("2026-11-20T08:15:00Z"),
    asker: { name: "Linh", role: "manager" },
    language: "vi",
  });

  const filled = promptWords()
    .replaceAll("{shop}", '"Corner"')
    .replaceAll("{weekday}", "Saturday")
    .replaceAll("{date}", "2026-11-21")
    .replaceAll("{time}", "12:30")
    .replaceAll("{timeZone}", "America/New_York")
    .replaceAll("{askedOn}", "Friday")
    .replaceAll("{askedDate}", "2026-11-20")
    .replaceAll("{askedTime}", "03:15")
    .replaceAll("{currency}", "USD")
    .replaceAll("{person}", '"Linh"')
    .replaceAll("{role}", "manager")
    .replaceAll("{language}", "vi");
  expect(filled).toBe(prompt);
});
