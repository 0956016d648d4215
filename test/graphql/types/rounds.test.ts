import { afterAll, beforeAll, expect, test } from "vitest";
import { runItems, runRounds } from "../../../src/db/schema/index.ts";
import { encodeGlobalId } from "../../../src/graphql/lists/ids.ts";
import { insertRun, insertThread, insertToolCall } from "../../support/conversations.ts";
import { type AdminClient, startAdminApi } from "../admin-client.ts";

let admins: AdminClient;
beforeAll(async () => {
  admins = await startAdminApi();
});
afterAll(() => admins.close());

const NOON = new Date("2026-11-24T12:00:00Z");
const after = (ms: number) => new Date(NOON.getTime() + ms);

async function addRun() {
  const { id: threadId } = await insertThread(admins.db);
  return insertRun(admins.db, { threadId, queuedAt: NOON, model: "gpt-6-luna", inputTokens: 300, outputTokens: 30 });
}

async function addItems(runId: string, round: number, ...items: object[]) {
  await admins.db.insert(runItems).values(items.map((item, position) => ({ runId, round, position, item })));
}

function factsOf(round: number, values: Partial<typeof runRounds.$inferInsert> = {}) {
  return {
    round,
    model: "gpt-6-luna",
    promptVersion: "aaaaaaaaaaaa",
    settings: { max_output_tokens: 16_000, tool_choice: "auto" },
    startedAt: NOON,
    completedAt: after(1_500),
    ...values,
  };
}

const reasoning = { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "gAAAAsecret" };
const call = { type: "function_call", call_id: "call_1", name: "CheckOutOfStock", arguments: "{}" };
const message = { type: "message", role: "assistant", content: [{ type: "output_text", text: "Oat milk." }] };

const ROUNDS = `promptVersion modelSettings rounds {
  number model promptVersion settings usage { inputTokens cachedInputTokens outputTokens reasoningTokens } cost
  startedAt firstTokenAt completedAt durationMs items toolCalls { name round }
}`;

async function read(runId: string, fields = ROUNDS) {
  const id = encodeGlobalId("Run", runId);
  return (await admins.query(`query ($id: ID!) { node(id: $id) { ... on Run { ${fields} } } }`, { id })).node;
}

test("a run shows its rounds: the model's settings, its output, cost and tool calls", async () => {
  const run = await addRun();
  await insertToolCall(admins.db, run, { round: 1, position: 2, name: "CheckDailyRevenue" });
  await insertToolCall(admins.db, run, { round: 1, position: 1 });
  await addItems(run.id, 1, reasoning, call);
  await addItems(run.id, 2, message);
  const counted = { inputTokens: 200, cachedInputTokens: 100, outputTokens: 20, reasoningTokens: 5 };
  await admins.db.insert(runRounds).values([
    { runId: run.id, ...factsOf(2, { promptVersion: "bbbbbbbbbbbb", firstTokenAt: after(2_000), ...counted }) },
    { runId: run.id, ...factsOf(1, { inputTokens: 100, outputTokens: 10 }) },
  ]);

  const found = await read(run.id);

  expect(found.promptVersion).toBe("bbbbbbbbbbbb");
  expect(found.modelSettings).toEqual({ max_output_tokens: 16_000, tool_choice: "auto" });
  expect(found.rounds).toEqual([
    {
      number: 1,
      model: "gpt-6-luna",
      promptVersion: "aaaaaaaaaaaa",
      settings: { max_output_tokens: 16_000, tool_choice: "auto" },
      usage: { inputTokens: 100, cachedInputTokens: 0, outputTokens: 10, reasoningTokens: 0 },
      // 100 x 0.1 + 10 x 0.5 millionths
      cost: "0.000015",
      startedAt: "2026-11-24T12:00:00.000Z",
      firstTokenAt: null,
      completedAt: "2026-11-24T12:00:01.500Z",
      durationMs: 1_500,
      items: [{ type: "reasoning", id: "rs_1", summary: [] }, call],
      toolCalls: [
        { name: "CheckOutOfStock", round: 1 },
        { name: "CheckDailyRevenue", round: 1 },
      ],
    },
    expect.objectContaining({
      number: 2,
      // 100 x 0.1 + 100 x 0.01 + 20 x 0.5 millionths
      cost: "0.000021",
      usage: counted,
      firstTokenAt: "2026-11-24T12:00:02.000Z",
      items: [message],
      toolCalls: [],
    }),
  ]);
});

test("a run of an earlier version has the rounds that its output items show", async () => {
  const run = await addRun();
  await addItems(run.id, 1, call);
  await addItems(run.id, 2, message);

  const found = await read(run.id);

  expect(found).toMatchObject({ promptVersion: null, modelSettings: null });
  expect(found.rounds).toMatchObject([
    {
      number: 1,
      model: null,
      settings: null,
      usage: null,
      cost: null,
      startedAt: null,
      durationMs: null,
      items: [call],
    },
    { number: 2, items: [message] },
  ]);
});

test("an interrupted round has no items; a round without token counts or price has no cost", async () => {
  const run = await addRun();
  await admins.db.insert(runRounds).values([
    { runId: run.id, ...factsOf(1) },
    { runId: run.id, ...factsOf(2, { model: "llama4:8b", inputTokens: 5, outputTokens: 5 }) },
  ]);

  const { rounds } = await read(run.id);

  expect(rounds).toMatchObject([
    { number: 1, usage: null, cost: null, items: [] },
    { number: 2, usage: { inputTokens: 5 }, cost: null, items: [] },
  ]);
});

test("a run that has not started has no rounds", async () => {
  const run = await addRun();

  expect(await read(run.id)).toEqual({ promptVersion: null, modelSettings: null, rounds: [] });
});

test("the rounds of many runs take as many statements as those of one; items are read only if selected", async () => {
  for (let index = 0; index < 5; index += 1) {
    const run = await addRun();
    await addItems(run.id, 1, call);
    await insertToolCall(admins.db, run);
    await admins.db.insert(runRounds).values({ runId: run.id, ...factsOf(1) });
  }
  const statementsOf = async (first: number, fields: string) => {
    admins.statements.length = 0;
    await admins.query(`{ runs(first: ${first}) { nodes { ${fields} } } }`);
    return admins.statements.toSorted();
  };

  const [one, five] = [await statementsOf(1, ROUNDS), await statementsOf(5, ROUNDS)];
  const light = await statementsOf(5, "promptVersion modelSettings rounds { number cost }");

  expect(five).toEqual(one);
  expect(five).toHaveLength(5);
  expect(light).toHaveLength(2);
  expect(light.join()).not.toContain('"item"');
});

test("runs are found by the prompt version of any of their rounds", async () => {
  const [old, both, other] = [await addRun(), await addRun(), await addRun()];
  await admins.db.insert(runRounds).values([
    { runId: old.id, ...factsOf(1, { promptVersion: "0ld" }) },
    { runId: both.id, ...factsOf(1, { promptVersion: "0ld" }) },
    { runId: both.id, ...factsOf(2, { promptVersion: "n3w" }) },
    { runId: other.id, ...factsOf(1, { promptVersion: "n3w" }) },
  ]);
  const query = "query ($v: String) { runs(filter: { promptVersion: $v }) { nodes { id } totalCount } }";

  const found = await admins.query(query, { v: "0ld" });
  const refused = await admins.refusal(query, { v: "0\0ld" });

  const ids = found.runs.nodes.map(({ id }: { id: string }) => id);
  expect(ids.toSorted()).toEqual([old, both].map(({ id }) => encodeGlobalId("Run", id)).toSorted());
  expect(found.runs.totalCount).toBe(2);
  expect(refused).toEqual(["BAD_USER_INPUT"]);
});
