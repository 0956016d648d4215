import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Rooms that any room may look into: they know nothing of the others. */
const COMMON = [
  "config",
  "describe-failure",
  "drafts",
  "logger",
  "errors",
  "events",
  "make-token",
  "meter",
  "plain-text",
  "prices",
  "rate-limiter",
  "roles",
  "shop",
  "telegram-ids",
  "wait-up-to",
];

/** Which rooms each room may import from, besides itself and the common ones. */
const MAY_IMPORT: Record<string, string[]> = {
  config: ["errors", "roles", "shop", "telegram-ids"],
  logger: ["calm-warnings"],
  "calm-warnings": [],
  "describe-failure": ["errors"],
  drafts: [],
  errors: [],
  events: [],
  "make-token": [],
  meter: [],
  "plain-text": [],
  prices: [],
  "rate-limiter": [],
  // Whoever counts knows the meter only; what is looked up is given by the entrances.
  metrics: [],
  roles: [],
  "telegram-ids": [],
  "wait-up-to": [],
  shop: ["errors"],
  db: [],
  tools: ["db"],
  assistant: ["tools", "db"],
  bot: ["assistant", "db"],
  graphql: ["db"],
  http: [],
  "import-progress": ["db"],
  "admin-token": [],
  "stop-in-turn": [],
  "stop-on-signals": [],
  "sandbox-access": ["db"],
  "with-database": ["db", "stop-on-signals"],
  // The demo shop, and the model that talks to the stand-in.
  sandbox: ["assistant", "db"],
};

/** Entrances: they put rooms together, and nothing imports them but a test. */
const ENTRANCES = ["start", "main", "app", "ask", "import", "token", "verify-live"];

/** Packages that one place alone may import. */
const PACKAGE_OWNERS: Record<string, RegExp> = {
  grammy: /^src\/bot\//,
  openai: /^src\/assistant\/model(-[a-z]+)?\.ts$/,
  "drizzle-orm": /^src\/db\//,
  postgres: /^src\/db\//,
  "@pothos/core": /^src\/graphql\//,
  "graphql-yoga": /^src\/graphql\//,
  "prom-client": /^src\/metrics\//,
};

interface Import {
  file: string;
  target: string;
  isTypeOnly: boolean;
}

const files = sourceFiles(join(ROOT, "src"));
const imports = files.flatMap(importsOf);

test("no room imports from a room that it may not know", () => {
  const offences = imports.filter(({ file, target }) => {
    const [from, to] = [roomOf(file), roomOf(target)];
    if (!target.startsWith("src/") || from === to || ENTRANCES.includes(from) || COMMON.includes(to)) return false;
    return !MAY_IMPORT[from]?.includes(to);
  });

  expect(offences).toEqual([]);
});

test("every room is in the plan of the house", () => {
  const rooms = new Set(files.map(roomOf));

  expect([...rooms].filter((room) => !(room in MAY_IMPORT) && !ENTRANCES.includes(room))).toEqual([]);
});

test("nothing imports the sandbox but the entrances", () => {
  const offences = imports.filter(
    ({ file, target }) =>
      roomOf(target) === "sandbox" && roomOf(file) !== "sandbox" && !ENTRANCES.includes(roomOf(file)),
  );

  expect(offences).toEqual([]);
});

test("each outside library is imported in its own room only", () => {
  const offences = imports.filter(({ file, target }) => {
    const owner =
      PACKAGE_OWNERS[
        target
          .split("/")
          .slice(0, target.startsWith("@") ? 2 : 1)
          .join("/")
      ];
    return owner && !owner.test(file);
  });

  expect(offences).toEqual([]);
});

test("the environment is read in the configuration only", () => {
  const readers = files.filter((file) => /process\.env\b/.test(readSource(file)));

  expect(readers).toEqual(["src/config.ts"]);
});

test("no SQL text is put together outside the database's room", () => {
  const writers = files.filter((file) => /\bsql`|\.unsafe\(|sql\.raw\(/.test(readSource(file)));

  expect(writers.filter((file) => !file.startsWith("src/db/"))).toEqual([]);
});

test("nothing of the product reaches out of its own folder", () => {
  const offences = imports.filter(({ target }) => target.startsWith(".."));

  expect(offences).toEqual([]);
});

test("the plan would notice an import that it forbids", () => {
  expect(MAY_IMPORT.graphql).not.toContain("bot");
  expect(roomOf("src/bot/reply/reply.ts")).toBe("bot");
  expect(imports.length).toBeGreaterThan(100);
});

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => relative(ROOT, join(folder, name)).split(sep).join("/"))
    .sort();
}

function importsOf(file: string): Import[] {
  const statements = readSource(file).matchAll(
    /(?:^|\n)\s*(import|export)\s+(type\s)?[^;'"]*?from\s+"([^"]+)"|import\("([^"]+)"\)/g,
  );
  return [...statements].map(([, , typeOnly, target = "", dynamic = ""]) => ({
    file,
    target: resolveTarget(file, target || dynamic),
    isTypeOnly: typeOnly !== undefined,
  }));
}

function resolveTarget(file: string, target: string): string {
  if (!target.startsWith(".")) return target;
  return relative(ROOT, join(ROOT, file, "..", target))
    .split(sep)
    .join("/");
}

/** `src/bot/reply/reply.ts` -> `bot`, `src/http/server.ts` -> `http`. */
function roomOf(file: string): string {
  return (file.split("/")[1] ?? "").replace(/\.ts$/, "");
}

function readSource(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}
