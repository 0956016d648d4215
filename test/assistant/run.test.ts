import { afterEach, expect, test } from "vitest";
import { calls, fails, says, scripted } from "../../sandbox/model/script.ts";
import type { Turn } from "../../sandbox/model/turn.ts";
import { newestRuns } from "../../src/assistant/history.ts";
import { MAX_CALLS_PER_ROUND } from "../../src/assistant/limits.ts";
import { runAssistant } from "../../src/assistant/run.ts";
import { textsIn } from "../../src/bot/texts.ts";
import { LeaseLostError } from "../../src/db/queries/runs/run-claim.ts";
import { BadInputError } from "../../src/errors.ts";
import type { RunEvent } from "../../src/events.ts";
import {
  inputOf,
  openRunTest,
  outputsOf,
  type RunTest,
  type RunTestOptions,
  type StoredRun,
  tool,
} from "./run-support.ts";

let runTest: RunTest | undefined;

afterEach(async () => {
  await runTest?.close();
  runTest = undefined;
});

async function open(turns: readonly Turn[], options?: RunTestOptions): Promise<RunTest> {
  runTest = await openRunTest(scripted(turns), options);
  return runTest;
}

function deltasOf(events: readonly RunEvent[]): string {
  return events.map((event) => (event.type === "text-delta" ? event.delta : "")).join("");
}

function expectOneOutputEach({ calls: stored }: StoredRun): void {
  for (const call of stored) {
    expect(["succeeded", "failed"]).toContain(call.status);
    expect(call.output).not.toBeNull();
    expect(call.completedAt).not.toBeNull();
  }
}

const n = (value: number) => ({ n: value });

test("a process that is not fresh does not call the model, and leaves the run to its new worker", async () => {
  const { ask, claim, takeLock, loop, model } = await open([]);
  const { runId } = await ask("go");
  const run = await claim(await takeLock());
  const lost = new LeaseLostError(runId);

  const worked = runAssistant(loop, run, {
    signal: new AbortController().signal,
    emit: () => undefined,
    untilFresh: async () => {
      throw lost;
    },
  });

  await expect(worked).rejects.toBe(lost);
  expect(model.requests).toEqual([]);
});

test("a process that was frozen before a retry does not call the model for a run that another worker may have", async () => {
  const { ask, claim, takeLock, loop, model } = await open([fails({ status: 503 })]);
  const { runId } = await ask("go");
  const run = await claim(await takeLock());
  const lost = new LeaseLostError(runId);
  const freshness = [Promise.resolve(), Promise.reject(lost)];
  for (const each of freshness) each.catch(() => undefined);

  const worked = runAssistant(loop, run, {
    signal: new AbortController().signal,
    emit: () => undefined,
    untilFresh: () => freshness.shift() ?? Promise.resolve(),
  });

  await expect(worked).rejects.toBe(lost);
  expect(model.requests).toHaveLength(1);
});

test("two calls of one round run at the same time, and each output is sent back under its call's id", async () => {
  const slowBegan = Promise.withResolvers<void>();
  const quickEnded = Promise.withResolvers<void>();
  const { answer, model, events } = await open(
    [
      calls(
        { name: "Slow", arguments: n(1), callId: "call_slow" },
        { name: "Quick", arguments: n(2), callId: "call_quick" },
      ),
      says("Done."),
    ],
    {
      tools: [
        tool("Slow", async (args) => {
          slowBegan.resolve();
          await quickEnded.promise;
          return { slow: args.n };
        }),
        tool("Quick", async (args) => {
          await slowBegan.promise;
          quickEnded.resolve();
          return { quick: args.n };
        }),
      ],
    },
  );

  const { run, calls: stored, finalText } = await answer("both, please");

  expect(finalText).toBe("Done.");
  expect(run.status).toBe("completed");
  expect(outputsOf(model.requests[1])).toEqual({ call_slow: { slow: 1 }, call_quick: { quick: 2 } });
  expect(stored).toMatchObject([
    { name: "Slow", round: 1, arguments: { n: 1 }, output: { slow: 1 }, status: "succeeded" },
    { name: "Quick", round: 1, arguments: { n: 2 }, output: { quick: 2 }, status: "succeeded" },
  ]);
  expect(events.map(({ type }) => type)).toEqual([
    "run-start",
    "run-requires-action",
    "tool-start",
    "tool-start",
    "tool-end",
    "tool-end",
    "text-delta",
    "message-completed",
    "run-end",
  ]);
});

test("three rounds make one answer: texts separated, tokens summed, each round's items sent back in order", async () => {
  const { answer, model, events } = await open(
    [
      {
        parts: [
          { kind: "text", text: "Looking at stock.", phase: "commentary" },
          { kind: "reasoning", summary: "First stock." },
          { kind: "call", name: "Echo", arguments: n(1) },
        ],
      },
      calls({ name: "Echo", arguments: n(2) }),
      says("Order oat milk."),
    ],
    { tools: [tool("Echo", (args) => ({ ...args }))] },
  );

  const { run, items, messages } = await answer("what should I order?");

  const text = "Looking at stock.\n\nOrder oat milk.";
  expect(messages.map((message) => message.text)).toEqual(["what should I order?", text]);
  expect(deltasOf(events)).toBe(text);
  expect(inputOf(model.requests[2]).map((item) => item.type ?? item.role)).toEqual([
    "user",
    "message",
    "reasoning",
    "function_call",
    "function_call_output",
    "function_call",
    "function_call_output",
  ]);
  expect(model.refused).toEqual([]);
  expect(items.map(({ round, position }) => [round, position])).toEqual([
    [1, 0],
    [1, 1],
    [1, 2],
    [2, 0],
    [3, 0],
  ]);
  expect(run.model).toBe("test-model");
  expect(run.reasoningTokens).toBe(64);
  expect(run.outputTokens).toBeGreaterThan(64);
  expect(run.inputTokens).toBeGreaterThan(run.outputTokens ?? 0);
});

test("the completed message is equal to the joined deltas, and its time is the run's", async () => {
  const pieces = ["  Sữa ", "👩‍👩", "‍👧\n", "\n", "مرحبا  "];
  const { answer, events } = await open([says(pieces)]);

  const { run, messages } = await answer("hello");

  const completed = events.find((event) => event.type === "message-completed");
  expect(deltasOf(events)).toBe(pieces.join(""));
  expect(completed?.text).toBe(pieces.join(""));
  expect(messages[1]).toMatchObject({ role: "assistant", text: pieces.join(""), completedAt: completed?.completedAt });
  expect(run.completedAt).toEqual(completed?.completedAt);
});

test("a tool that fails gives the model a message of our own, and the run continues", async () => {
  const { answer, model } = await open([calls({ name: "Broken", arguments: n(1) }), says("I could not find out.")], {
    tools: [
      tool("Broken", () => {
        throw new Error("relation secret_table does not exist");
      }),
    ],
  });

  const { run, calls: stored } = await answer("try");

  const [output] = Object.values(outputsOf(model.requests[1]));
  expect(output).toEqual({ error: expect.stringContaining("failed because of an internal error") });
  expect(JSON.stringify(output)).not.toContain("secret_table");
  expect(stored).toMatchObject([{ status: "failed", output, error: expect.stringContaining("an internal error") }]);
  expect(run.status).toBe("completed");
});

test("the message of a tool's own refusal reaches the model unchanged", async () => {
  const { answer, model } = await open([calls({ name: "Picky", arguments: n(1) }), says("Too far back.")], {
    tools: [
      tool("Picky", () => {
        throw new BadInputError("That day is too far back.");
      }),
    ],
  });

  await answer("1999");

  expect(Object.values(outputsOf(model.requests[1]))).toEqual([{ error: "That day is too far back." }]);
});

test("a call of an unknown tool gets the list of tools", async () => {
  const { answer, model } = await open([calls({ name: "CheckWeather" }), says("I cannot.")]);

  const { run, calls: stored } = await answer("rain?");

  expect(Object.values(outputsOf(model.requests[1]))).toEqual([
    { error: 'There is no tool "CheckWeather". Tools: CheckOutOfStock, CheckDailyRevenue.' },
  ]);
  expect(stored).toMatchObject([{ name: "CheckWeather", status: "failed" }]);
  expect(run.status).toBe("completed");
});

test.each([
  // Some servers parse it as JSON again, and fail.
  ["no JSON", '{"date": "2026-11-', '{"date": "2026-11-', "{}"],
  ["JSON that does not fit", '{"date":"yesterday"}', { date: "yesterday" }, '{"date":"yesterday"}'],
])("arguments that are %s get an error, and are stored as written", async (_name, written, kept, sent) => {
  const { answer, model } = await open([calls({ name: "CheckDailyRevenue", arguments: written }), says("Sorry.")]);

  const { calls: stored } = await answer("how was yesterday?");

  expect(Object.values(outputsOf(model.requests[1]))).toEqual([
    { error: expect.stringContaining("Invalid arguments") },
  ]);
  expect(stored).toMatchObject([{ arguments: kept, status: "failed" }]);
  expect(inputOf(model.requests[1]).find((item) => item.type === "function_call")?.arguments).toBe(sent);
});

test("characters that PostgreSQL cannot store are removed from arguments, and nothing else changes", async () => {
  const written = String.raw`{"n":1,"a\u0000b":"x\u0000y","half":"\ud83e","path":"C:\\u0000","whole":"\ud83e\udd5b"}`;
  const { answer } = await open([calls({ name: "CheckOutOfStock", arguments: written }), says("Sorry.")]);

  const { run, calls: stored } = await answer("odd");

  expect(run.status).toBe("completed");
  expect(stored[0]?.arguments).toEqual({
    n: 1,
    "a\ufffdb": "x\ufffdy",
    half: "\ufffd",
    path: "C:\\u0000",
    whole: "🥛",
  });
});

test("a person without the right gets no figures, and the model learns whom they can ask", async () => {
  const { answer, model } = await open([
    calls({ name: "CheckDailyRevenue", arguments: { date: "2026-11-14" } }),
    says("Please ask a manager."),
  ]);

  await answer("how was yesterday?", { role: "staff" });

  expect(Object.values(outputsOf(model.requests[1]))).toEqual([
    { error: expect.stringContaining("may not see that. Tell them to ask someone with the role manager") },
  ]);
});

test("a tool that takes too long times out, and the run continues", async () => {
  const end = Promise.withResolvers<void>();
  const { answer, model } = await open([calls({ name: "Slow", arguments: n(1) }), says("That took too long.")], {
    toolTimeoutMs: 100,
    tools: [tool("Slow", () => end.promise.then(() => ({})))],
  });

  const { run } = await answer("slowly");
  end.resolve();

  expect(Object.values(outputsOf(model.requests[1]))).toEqual([{ error: "The tool took longer than 0.1 s." }]);
  expect(run.status).toBe("completed");
});

test("call ids that a server uses again in a later round are made unique", async () => {
  const { answer, model } = await open(
    [
      calls({ name: "Echo", arguments: n(1), callId: "call_0" }, { name: "Echo", arguments: n(2), callId: "call_0" }),
      calls({ name: "Echo", arguments: n(3), callId: "call_0" }),
      says("Done."),
    ],
    { tools: [tool("Echo", (args) => ({ ...args }))] },
  );

  const { run, calls: stored } = await answer("go");

  expect(run.status).toBe("completed");
  expect(model.refused).toEqual([]);
  expect(stored.map(({ output }) => output)).toEqual([n(1), n(2), n(3)]);
  expect(Object.values(outputsOf(model.requests[2]))).toEqual([n(1), n(2), n(3)]);
});

test("calls beyond the limit of a round get an error, and each has its output", async () => {
  const wanted = Array.from({ length: MAX_CALLS_PER_ROUND + 2 }, (_, index) => ({ name: "Echo", arguments: n(index) }));
  let ran = 0;
  const { answer, model } = await open([calls(...wanted), says("Done.")], {
    tools: [
      tool("Echo", (args) => {
        ran += 1;
        return { ...args };
      }),
    ],
  });

  const stored = await answer("everything");

  const outputs = Object.values(outputsOf(model.requests[1]));
  expect(outputs).toHaveLength(wanted.length);
  expect(outputs.slice(MAX_CALLS_PER_ROUND)).toEqual(
    Array(2).fill({ error: expect.stringContaining(`Only ${MAX_CALLS_PER_ROUND} calls`) }),
  );
  expect(ran).toBe(MAX_CALLS_PER_ROUND);
  expectOneOutputEach(stored);
});

test("in the last round the model may call no tools, and answers with what it has", async () => {
  const { answer, model } = await open([calls({ name: "Echo", arguments: n(1) }), says("As far as I know: 1.")], {
    maxRounds: 2,
    tools: [tool("Echo", (args) => ({ ...args }))],
  });

  const { run } = await answer("go");

  expect(model.requests.map(({ body }) => body.tool_choice)).toEqual(["auto", "none"]);
  expect(run.status).toBe("completed");
});

test("a run whose model calls tools even in the last round ends incomplete, with an honest sentence", async () => {
  const echo = { name: "Echo", arguments: n(1) };
  const { answer } = await open(
    [
      calls(echo),
      {
        parts: [
          { kind: "text", text: "Once more." },
          { kind: "call", ...echo },
        ],
      },
    ],
    { maxRounds: 2, tools: [tool("Echo", (args) => ({ ...args }))] },
  );

  const stored = await answer("go");

  expect(stored.run).toMatchObject({ status: "incomplete", errorCode: "TOO_MANY_ROUNDS" });
  expect(stored.finalText).toBe(`Once more.\n\n_${textsIn("en").faults.TOO_MANY_ROUNDS}_`);
  expect(stored.messages[1]).toMatchObject({ text: "Once more.", completedAt: null });
  expect(stored.calls).toHaveLength(2);
  expectOneOutputEach(stored);
});

test("an answer that was cut short is stored and says so", async () => {
  const { answer } = await open([
    fails({ kind: "incomplete", reason: "max_output_tokens" }, { kind: "text", text: ["Oat", " mi"] }),
  ]);

  const { run, messages, finalText } = await answer("everything about oat milk");

  expect(run).toMatchObject({ status: "incomplete", errorCode: "MODEL_CUT_SHORT" });
  expect(run.errorMessage).toContain("max_output_tokens");
  expect(run.outputTokens).toBe(2);
  expect(messages[1]).toMatchObject({ text: "Oat mi", completedAt: null });
  expect(finalText).toBe(`Oat mi\n\n_${textsIn("en").faults.MODEL_CUT_SHORT}_`);
});

test.each<[string, Turn[]]>([
  ["no text", [{ parts: [{ kind: "reasoning" }] }]],
  ["only white space", [says([" ", "\n"])]],
  [
    "after its tools",
    [
      {
        parts: [
          { kind: "text", text: "Looking." },
          { kind: "call", name: "CheckOutOfStock", arguments: {} },
        ],
      },
      { parts: [{ kind: "reasoning" }] },
    ],
  ],
])("a run whose model sends %s fails, and the person gets a message", async (_name, turns) => {
  const { answer } = await open(turns);

  const { run, finalText } = await answer("hello?");

  expect(run).toMatchObject({ status: "failed", errorCode: "MODEL_EMPTY" });
  expect(finalText).toContain(textsIn("en").faults.MODEL_EMPTY);
});

test.each<[string, Turn[], string]>([
  ["a model that fails after a round", [fails({ status: 401 })], "failed"],
  [
    "a model that is cut short in the middle of a call",
    [
      fails(
        { kind: "incomplete", reason: "max_output_tokens" },
        { kind: "call", name: "Echo", arguments: '{"n": ', callId: "call_cut" },
      ),
    ],
    "incomplete",
  ],
  ["a model that never stops calling", [calls({ name: "Echo", arguments: n(2) })], "incomplete"],
])("with %s, every stored call has its one output", async (_name, turns, status) => {
  const { answer } = await open([calls({ name: "Echo", arguments: n(1) }, { name: "Nobody" }), ...turns], {
    maxRounds: 2,
    tools: [tool("Echo", (args) => ({ ...args }))],
  });

  const stored = await answer("go");

  expect(stored.run.status).toBe(status);
  expect(stored.calls.length).toBeGreaterThanOrEqual(2);
  expectOneOutputEach(stored);
});

test("a run stopped during a tool call is cancelled at once, its text is stored, and every call has its output", async () => {
  const began = Promise.withResolvers<void>();
  const end = Promise.withResolvers<void>();
  const { answer, events, stop } = await open(
    [
      {
        parts: [
          { kind: "text", text: "Looking." },
          { kind: "call", name: "Slow", arguments: n(1) },
          { kind: "call", name: "Quick", arguments: n(2) },
        ],
      },
    ],
    {
      tools: [
        tool("Quick", (args) => ({ ...args })),
        tool("Slow", async () => {
          began.resolve();
          await end.promise;
          return {};
        }),
      ],
    },
  );

  const stopped = answer("go");
  await began.promise;
  const runId = events.find((event) => event.type === "run-start")?.runId ?? "";
  await stop(runId);
  const stored = await stopped;
  end.resolve();

  expect(stored.run).toMatchObject({ status: "cancelled", errorCode: null });
  expect(stored.messages[1]).toMatchObject({ text: "Looking.", completedAt: null });
  expect(stored.finalText).toBe(`Looking.\n\n_${textsIn("en").stopped}_`);
  expectOneOutputEach(stored);
  expect(stored.calls[0]).toMatchObject({ status: "failed", error: "The run ended before this call did." });
});

test("earlier runs go to the model as text only, in order, with the new question last", async () => {
  const { answer, model } = await open([
    {
      parts: [{ kind: "reasoning" }, { kind: "call", name: "CheckOutOfStock", arguments: {} }],
    },
    says("Oat milk."),
    says("Yes, order it."),
  ]);

  await answer("what's running out?");
  await answer("should I order it?");

  expect(inputOf(model.requests[2])).toEqual([
    { role: "user", content: "what's running out?" },
    { role: "assistant", content: "Oat milk." },
    { role: "user", content: "should I order it?" },
  ]);
});

test("of a long history the newest runs that fit whole are used", () => {
  const history = [1, 2, 3].flatMap((run) => [
    { runId: `run-${run}`, role: "user" as const, text: "12345", forwarded: false },
    { runId: `run-${run}`, role: "assistant" as const, text: "67890", forwarded: false },
  ]);

  const kept = [100, 30, 29, 19, 9].map((limit) => newestRuns(history, limit).map(({ runId }) => runId));

  expect(kept).toEqual([
    history.map(({ runId }) => runId),
    history.map(({ runId }) => runId),
    ["run-2", "run-2", "run-3", "run-3"],
    ["run-3", "run-3"],
    [],
  ]);
});

test("the prompt has the day at the shop and the person who asks, and nothing that identifies them elsewhere", async () => {
  const { answer, model } = await open([says("Hello.")]);

  const { run } = await answer("hello", { from: 7_777_777, language: "vi" });

  const { instructions, safety_identifier: identifier, prompt_cache_key: cacheKey } = model.requests[0]?.body ?? {};
  const today = Temporal.Now.plainDateISO("Asia/Ho_Chi_Minh").toString();
  expect(instructions).toContain(`, ${today}.`);
  expect(instructions).toContain('The person: "Linh", role owner.');
  expect(instructions).toContain("Language of the person: vi");
  expect(JSON.stringify(model.requests[0]?.body)).not.toContain("7777777");
  expect(identifier).toMatch(/^[\da-f]{64}$/);
  expect(cacheKey).toBe(run.threadId);
});
