/** The page for authors of dashboards: each of its queries is sent here, with the variables below it. */
import { globSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { MAX_VALID_TOKENS } from "../../src/db/queries/admin/tokens.ts";
import { imports, invites, runItems, runRounds } from "../../src/db/schema/index.ts";
import { COST_LIMITS, MAX_BODY_BYTES } from "../../src/graphql/guards/limits.ts";
import { RATE_LIMIT } from "../../src/graphql/guards/rate-limit.ts";
import { REQUEST_LIMIT_MS } from "../../src/graphql/guards/time-limit.ts";
import { MAX_SEARCHED_LENGTH } from "../../src/graphql/lists/excerpts.ts";
import { encodeGlobalId } from "../../src/graphql/lists/ids.ts";
import { DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE } from "../../src/graphql/lists/page.ts";
import { MAX_WAITING } from "../../src/graphql/live/bounded-queue.ts";
import { MAX_PERIOD_DAYS } from "../../src/graphql/usage/period.ts";
import { MAX_GROUPS } from "../../src/graphql/usage/report.ts";
import { type AdminClient, startAdminApi } from "../graphql/admin-client.ts";
import { subscribe } from "../graphql/live/subscriber.ts";
import {
  insertMessages,
  insertReply,
  insertRun,
  insertStaffMember,
  insertThread,
  insertToolCall,
} from "../support/conversations.ts";
import { codeBlocksOf, readPage } from "./markdown.ts";

const PAGE = readPage("docs/admin-api.md").text;
const BLOCKS = codeBlocksOf(PAGE);

interface Example {
  readonly name: string;
  readonly document: string;
  readonly variables: string;
}

const EXAMPLES = BLOCKS.flatMap(({ language, content: document }, at): Example[] => {
  if (language !== "graphql") return [];
  const name = /^(?:query|mutation|subscription) (\w+)/.exec(document)?.[1] ?? document;
  const next = BLOCKS[at + 1];
  return [{ name, document, variables: next?.language === "json" ? next.content : "{}" }];
});

let admins: AdminClient;
/** The values for the placeholders in the page's variables. */
let placeholders: Record<string, string>;
beforeAll(async () => {
  admins = await startAdminApi();
  placeholders = await seed(admins);
});
afterAll(() => admins.close());

/** The lists and texts of each answer that must not be empty, so that a query without results fails. */
// biome-ignore lint/suspicious/noExplicitAny: an answer's shape is its query's.
const SHOWN: Record<string, (data: any) => unknown[]> = {
  NewestThreads: ({ threads }) => [threads.nodes[0].title, threads.nodes[0].lastMessage.preview.text],
  OneThread: ({ thread }) => [thread.messages.nodes, thread.runs.nodes[0].toolCalls.nodes],
  SearchMessages: ({ messages }) => [messages.nodes[0].excerpts[0].highlights],
  FailedRuns: ({ runs }) => [runs.nodes[0].error.code, runs.nodes[0].question.preview.text],
  SlowAnswers: ({ runs }) => [runs.nodes[0].rounds, runs.nodes[0].cost],
  ToolCallLog: ({ toolCalls }) => [toolCalls.nodes[0].error, toolCalls.nodes[0].outputPreview.text],
  UsageByDay: ({ usage }) => [usage.groups.filter(hasRuns)],
  WhoAsks: ({ usage }) => [usage.groups.filter(hasRuns)[0].staffMember.name],
  Tools: ({ tools }) => [tools.filter(({ statistics }: { statistics: { calls: number } }) => statistics.calls > 0)],
  HowItCameAbout: ({ node }) => [node.rounds[0].items, node.rounds[0].toolCalls, node.message.text],
  PeopleAndFiles: ({ staff, invites: open, imports: files }) => [staff.nodes, open.nodes, files.nodes],
  MakeToken: ({ createAdminToken }) => [createAdminToken.token, createAdminToken.adminToken.prefix],
  WhoHoldsTokens: ({ adminTokens }) => [adminTokens.nodes],
  RevokeToken: ({ revokeAdminToken }) => [revokeAdminToken.adminToken.revokedAt],
  FollowThread: ({ threadActivity }) => [threadActivity.cursor],
  FollowAll: ({ activity }) => [activity.cursor],
};

function hasRuns({ figures }: { figures: { runs: { total: number } } }): boolean {
  return figures.runs.total > 0;
}

test("the test knows every query of the page", () => {
  expect(EXAMPLES.map(({ name }) => name).toSorted()).toEqual(Object.keys(SHOWN).toSorted());
});

test.each(EXAMPLES)("the page's $name has results", async ({ name, document, variables }) => {
  const { data, errors } = await ask(document, fillIn(variables));

  expect(errors).toBeUndefined();
  const shown = SHOWN[name]?.(data) ?? [];
  expect(shown.filter((value) => !(value as { length?: number } | null)?.length)).toEqual([]);
});

test("the page's table of errors has every code of the API's sources", () => {
  const chapter = PAGE.slice(PAGE.indexOf("## Errors"), PAGE.indexOf("### Limits"));
  const sources = globSync("src/graphql/**/*.ts").map((path) => readFileSync(path, "utf8"));
  const codes = new Set(
    sources.flatMap((source) => [...source.matchAll(/\bcode(?: =|:) "([A-Z_]+)"/g)].map(([, code]) => code)),
  );

  expect(codes.size).toBeGreaterThan(5);
  expect([...codes].filter((code) => !chapter.includes(`\`${code}\``))).toEqual([]);
});

test.each([
  ["rows of a page", [MAX_PAGE_SIZE, DEFAULT_PAGE_SIZE]],
  ["days in", [MAX_PERIOD_DAYS]],
  ["groups of", [MAX_GROUPS]],
  ["what is searched for", [MAX_SEARCHED_LENGTH]],
  ["values that the answer", [COST_LIMITS.complexity]],
  ["levels", [COST_LIMITS.depth]],
  ["a request's body", [MAX_BODY_BYTES / 1_000_000]],
  ["a request's time", [REQUEST_LIMIT_MS / 1_000]],
  ["requests with one token", [RATE_LIMIT.perSecond, RATE_LIMIT.burst]],
  ["valid tokens", [MAX_VALID_TOKENS]],
  ["subscribers of", [MAX_WAITING]],
])("the page's limit is that of the source: %s", (what, limits) => {
  const row = PAGE.split("\n").find((line) => line.startsWith(`| ${what}`)) ?? "";

  expect(row.match(/\d[\d,]*/g)).toEqual(expect.arrayContaining(limits.map((limit) => limit.toLocaleString("en-US"))));
});

async function ask(document: string, variables: object) {
  if (!document.startsWith("subscription")) return (await admins.ask(document, { variables })).body;
  const subscriber = await subscribe(admins, document, { variables });
  const first = await subscriber.next();
  await subscriber.close();
  return first ?? { data: undefined };
}

function fillIn(variables: string): object {
  const filled = variables.replace(/"([A-Z]+_ID)"/g, (_, name: string) => JSON.stringify(placeholders[name]));
  return JSON.parse(filled) as object;
}

/** A morning in the shop, on the day that the page's variables name. */
async function seed({ db, query }: AdminClient): Promise<Record<string, string>> {
  const at = (time: string) => new Date(`2026-11-24T${time}+07:00`);
  const linh = await insertStaffMember(db, { name: "Linh" });
  const thread = await insertThread(db, { title: "is there any cà phê left?", lastActivityAt: at("09:00:20") });
  const asked = { threadId: thread.id, askerId: linh.id, model: "gpt-6-luna" };
  const tokens = { inputTokens: 1_200, cachedInputTokens: 0, outputTokens: 80, reasoningTokens: 0 };
  const times = { startedAt: at("09:00:01"), firstTokenAt: at("09:00:12"), completedAt: at("09:00:19") };
  const run = await insertRun(db, { ...asked, ...tokens, ...times, queuedAt: at("09:00:00") });
  const failed = await insertRun(db, { ...asked, status: "failed", position: 2, queuedAt: at("09:05:00") });
  await insertMessages(db, thread.id, [
    { text: "is there any cà phê left?", authorId: linh.id, runId: run.id },
    { text: "Yes: 3 bags of Cà phê, and the beans of Đà Lạt.", runId: run.id },
    { text: "and yesterday?", authorId: linh.id, runId: failed.id },
  ]);
  await insertReply(db, { runId: run.id, chatId: thread.chatId, status: "delivered", deliveredAt: at("09:00:20") });
  await db.insert(runRounds).values({
    runId: run.id,
    round: 1,
    model: "gpt-6-luna",
    promptVersion: "4f2a",
    settings: { max_output_tokens: 4_000 },
    ...tokens,
    ...times,
  });
  await db.insert(runItems).values({ runId: run.id, round: 1, position: 1, item: { type: "function_call" } });
  const calledAt = { createdAt: at("09:00:13"), startedAt: at("09:00:13"), completedAt: at("09:00:14") };
  await insertToolCall(db, run, calledAt);
  await insertToolCall(db, failed, {
    ...calledAt,
    name: "CheckDailyRevenue",
    status: "failed",
    error: "Timeout after 5 s",
    output: { error: "Timeout after 5 s" },
  });
  await db.insert(invites).values({ codeHash: Buffer.alloc(32), role: "staff", expiresAt: new Date("2099-01-01") });
  await db.insert(imports).values({
    kind: "sales",
    fileName: "sales.csv",
    fileHash: "00",
    importedBy: "linh",
    rowCount: 2,
    changedCount: 2,
    startedAt: at("08:00:00"),
  });
  const made = await query(`mutation { kept: createAdminToken(input: { name: "kept" }) { token }
    ended: createAdminToken(input: { name: "ended" }) { adminToken { id } } }`);
  return {
    THREAD_ID: encodeGlobalId("Thread", thread.id),
    RUN_ID: encodeGlobalId("Run", run.id),
    TOKEN_ID: made.ended.adminToken.id,
  };
}
