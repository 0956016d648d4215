/**
 * Where things live and who may import whom, checked on the sources: docs/architecture.md draws these rules.
 */
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

interface MayImport {
  /** Rooms whose functions it may call. */
  readonly values?: readonly string[];
  /** Rooms of which it may know types only: what it needs of them is handed to it. */
  readonly types?: readonly string[];
}

/** What any room may use. They know nothing of the rooms that use them. */
const COMMON = ["errors", "model-prices", "observability", "process", "run-states", "shop"];
/** What any room may know the types of: settings and events are handed over. */
const COMMON_TYPES = ["config", "events"];

/** Each room under `src`, with what it may import besides itself and the common ones; and `sandbox`, which lies beside it. */
const ROOMS: Record<string, MayImport> = {
  config: {},
  errors: {},
  events: {},
  "model-prices": {},
  observability: {},
  process: {},
  "run-states": {},
  shop: {},
  tokens: {},
  db: {},
  tools: { values: ["db"] },
  assistant: { values: ["db"], types: ["tools"] },
  bot: { values: ["assistant", "db"] },
  graphql: { values: ["db", "tokens"] },
  http: {},
  // The demo shop, and the model that talks to the stand-in.
  sandbox: { values: ["assistant/model", "db"] },
};

/** The common rooms may not know all of each other. */
const COMMON_ROOMS: Record<string, readonly string[]> = {
  config: ["errors", "shop"],
  errors: [],
  events: ["run-states"],
  "model-prices": [],
  observability: ["process", "events", "run-states"],
  process: ["errors"],
  "run-states": [],
  shop: ["errors"],
};

/** They put rooms together, and nothing imports them but each other, tests and benchmarks. */
const ENTRANCES = ["start", "main", "app", "commands"];

/** Packages that one place alone may import. */
const PACKAGE_OWNERS: Record<string, string> = {
  grammy: "src/bot/",
  openai: "src/assistant/model/",
  "drizzle-orm": "src/db/",
  postgres: "src/db/",
  "@pothos/core": "src/graphql/",
  "graphql-yoga": "src/graphql/",
  "prom-client": "src/observability/metrics/",
  "@opentelemetry/api": "src/observability/traces/",
  "@opentelemetry/otlp-transformer": "src/observability/traces/",
  "@opentelemetry/resources": "src/observability/traces/",
  "@opentelemetry/sdk-trace": "src/observability/traces/",
};

const MAX_FILES_IN_SRC = 8;
const MAX_FILES_SIDE_BY_SIDE = 24;

interface Import {
  readonly file: string;
  readonly target: string;
  readonly isTypeOnly: boolean;
}

const sources = [...filesIn("src"), ...filesIn("sandbox")].filter((file) => file.endsWith(".ts"));
const imports = sources.flatMap((file) => importsIn(file, readSource(file)));
const inside = imports.filter(({ target }) => /^(src|sandbox)\//.test(target));

test("no room imports from a room that it may not know", () => {
  expect(inside.filter((found) => !isAllowed(found))).toEqual([]);
});

test("every room is in the table of rooms", () => {
  const rooms = new Set(sources.map(roomOf));

  expect([...rooms].filter((room) => !(room in ROOMS) && !ENTRANCES.includes(room))).toEqual([]);
});

test("the drawing in docs/architecture.md has these arrows", () => {
  const drawn = [...readSource("docs/architecture.md").matchAll(/^ +(\w+) (--.*-->|-->|-\.->) (\w+)$/gm)]
    .filter(([, from = ""]) => from in ROOMS && !COMMON.includes(from))
    .map(([, from, arrow, to]) => `${from} ${arrow === "-.->" ? "types" : "values"} ${to}`);
  const held = Object.entries(ROOMS).flatMap(([from, { values = [], types = [] }]) => [
    ...values.map((to) => `${from} values ${to.split("/")[0]}`),
    ...types.map((to) => `${from} types ${to}`),
  ]);

  const [, common = ""] = /^ +common\["(.*)<br>/m.exec(readSource("docs/architecture.md")) ?? [];

  expect(drawn.filter((arrow) => !arrow.endsWith(" common")).sort()).toEqual(held.sort());
  expect(common.split(" · ").sort()).toEqual(COMMON.toSorted());
});

test("nothing imports the sandbox but the entrances", () => {
  const offences = inside.filter(
    ({ file, target }) => roomOf(target) === "sandbox" && ![...ENTRANCES, "sandbox"].includes(roomOf(file)),
  );

  expect(offences).toEqual([]);
});

test("each outside library is imported in its own room only", () => {
  const offences = imports.filter(({ file, target }) => {
    const owner = PACKAGE_OWNERS[packageOf(target)];
    return owner !== undefined && !file.startsWith(owner);
  });

  expect(offences).toEqual([]);
});

test("the environment is read in the configuration only", () => {
  expect(sources.filter((file) => /process\.env\b/.test(readSource(file)))).toEqual(["src/config.ts"]);
});

test("no SQL text is put together outside the database's room", () => {
  const writers = sources.filter((file) => /\bsql`|\.unsafe\(|sql\.raw\(/.test(readSource(file)));

  expect(writers.filter((file) => !file.startsWith("src/db/"))).toEqual([]);
});

test("nothing of the product reaches out of its own folders", () => {
  const offences = imports.filter(({ target }) => target.startsWith("..") || /^(test|bench|scripts)\//.test(target));

  expect(offences).toEqual([]);
});

test("no files import each other in a circle, types included", () => {
  expect(findCircles(inside)).toEqual([]);
});

test(`src has at most ${MAX_FILES_IN_SRC} files at its root, and a folder at most ${MAX_FILES_SIDE_BY_SIDE}`, () => {
  const folders = ["src", "sandbox", "test", "bench", "scripts", "docs"].flatMap(filesIn).map((file) => dirname(file));
  const counts = Map.groupBy(folders, (folder) => folder);
  const crowded = [...counts].filter(
    ([folder, files]) => files.length > (folder === "src" ? MAX_FILES_IN_SRC : MAX_FILES_SIDE_BY_SIDE),
  );

  expect(crowded.map(([folder, files]) => `${folder}: ${files.length}`)).toEqual([]);
});

test("the rules notice what they forbid", () => {
  const found = (file: string, line: string) => importsIn(file, `${line}\n`).map(isAllowed);

  expect(found("src/graphql/schema.ts", 'import { startBot } from "../bot/bot.ts";')).toEqual([false]);
  expect(found("src/assistant/run.ts", 'import { createToolRegistry } from "../tools/registry.ts";')).toEqual([false]);
  expect(found("src/assistant/run.ts", 'import type { Tool } from "../tools/tool.ts";')).toEqual([true]);
  expect(found("src/assistant/run.ts", 'import { type Tool, type ToolName } from "../tools/tool.ts";')).toEqual([true]);
  expect(found("src/bot/bot.ts", 'import { loadConfig } from "../config.ts";')).toEqual([false]);
  expect(found("src/bot/bot.ts", 'import type { Config } from "../config.ts";')).toEqual([true]);
  expect(found("src/shop/money.ts", 'import type { Config } from "../config.ts";')).toEqual([false]);
  expect(found("sandbox/sandbox.ts", 'import { startRun } from "../src/assistant/run.ts";')).toEqual([false]);
  expect(found("sandbox/sandbox.ts", 'import { createModel } from "../src/assistant/model/model.ts";')).toEqual([true]);
  const [a, b, c] = ["src/db/a.ts", "src/db/b.ts", "src/db/c.ts"];
  const to = (file: string, target: string) => ({ file, target, isTypeOnly: true });
  expect(findCircles([to(a, b), to(b, c), to(c, a)])).toEqual([[a, b, c]]);
  expect(findCircles([to(a, b), to(a, c), to(b, c)])).toEqual([]);
});

function isAllowed({ file, target, isTypeOnly }: Import): boolean {
  const [from, to] = [roomOf(file), roomOf(target)];
  if (from === to || ENTRANCES.includes(from)) return true;
  const common = COMMON_ROOMS[from];
  if (common) return common.includes(to);
  if (COMMON.includes(to) || (isTypeOnly && COMMON_TYPES.includes(to))) return true;
  const { values = [], types = [] } = ROOMS[from] ?? {};
  const known = isTypeOnly ? [...values, ...types] : values;
  return known.some((room) => room === to || target.startsWith(`src/${room}/`));
}

/** Each circle once: the files that reach themselves, in the order in which they were found. */
function findCircles(edges: readonly Import[]): string[][] {
  const targets = Map.groupBy(edges, ({ file }) => file);
  const reachable = (from: string): Set<string> => {
    const seen = new Set<string>();
    const visit = (file: string) => {
      for (const { target } of targets.get(file) ?? []) {
        if (seen.has(target)) continue;
        seen.add(target);
        visit(target);
      }
    };
    visit(from);
    return seen;
  };
  const reach = new Map([...targets.keys()].map((file) => [file, reachable(file)]));
  const circles = new Map<string, string[]>();
  for (const [file, reached] of reach) {
    if (!reached.has(file)) continue;
    const circle = [...reached].filter((other) => reach.get(other)?.has(file)).sort();
    circles.set(circle.join(), circle);
  }
  return [...circles.values()];
}

/** All files under a folder but those of packages, from the root of the project, with `/`. */
function filesIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter((file) => !file.includes("node_modules/"))
    .sort();
}

/** What a file imports or passes on. `isTypeOnly` where the compiler leaves nothing of the statement. */
function importsIn(file: string, source: string): Import[] {
  const statements = source.matchAll(
    /(?:^|\n)\s*(?:import|export)\s+(type\s)?([^;'"]*?)from\s+"([^"]+)"|import\("([^"]+)"\)|(?:^|\n)import\s+"([^"]+)"/g,
  );
  return [...statements].map(([, type, names = "", target, dynamic, effect]) => ({
    file,
    target: resolveTarget(file, target ?? dynamic ?? effect ?? ""),
    isTypeOnly: type !== undefined || /^\{(\s*type\s[^,}]*,?)+\s*\}\s*$/.test(names),
  }));
}

function resolveTarget(file: string, target: string): string {
  if (!target.startsWith(".")) return target;
  return relative(ROOT, join(ROOT, dirname(file), target))
    .split(sep)
    .join("/");
}

/** `src/bot/reply/reply.ts` -> `bot`, `src/config.ts` -> `config`, `sandbox/access.ts` -> `sandbox`. */
function roomOf(file: string): string {
  const [top = "", room = ""] = file.split("/");
  return top === "src" ? basename(room, ".ts") : top;
}

/** `grammy/types` -> `grammy`, `@pothos/core/x` -> `@pothos/core`. */
function packageOf(target: string): string {
  return target
    .split("/")
    .slice(0, target.startsWith("@") ? 2 : 1)
    .join("/");
}

function readSource(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}
