import { pino } from "pino";
import { afterEach, expect, test } from "vitest";
import { createModelStandIn, type ModelStandIn } from "../../../sandbox/model/model-stand-in.ts";
import { calls, fails, says, scripted } from "../../../sandbox/model/script.ts";
import type { Turn } from "../../../sandbox/model/turn.ts";
import { CIRCUIT_FAILURES } from "../../../src/assistant/limits.ts";
import { withCircuit } from "../../../src/assistant/model/circuit.ts";
import { createModel } from "../../../src/assistant/model/model.ts";
import { textsIn } from "../../../src/bot/texts.ts";
import { inputOf, openRunTest, type RunTest, type RunTestOptions, tool } from "../run-support.ts";

let runTest: RunTest | undefined;
let provider: ModelStandIn | undefined;

afterEach(async () => {
  await runTest?.close();
  await provider?.close();
  [runTest, provider] = [undefined, undefined];
});

async function open(turns: readonly Turn[], options?: RunTestOptions): Promise<RunTest> {
  runTest = await openRunTest(scripted(turns), options);
  return runTest;
}

const { faults } = textsIn("en");
const oatMi = { kind: "text", text: ["Oat", " mi"] } as const;
const echo = tool("Echo", (args) => ({ ...args }));

function saidBy(of: RunTest): string {
  return of.events.map((event) => (event.type === "text-delta" ? event.delta : "")).join("");
}

test("passing faults cost a run nothing: the person sees one clean answer, and each round's calls are made once", async () => {
  const of = await open(
    [
      { status: 503 },
      fails({ kind: "drop" }, { kind: "call", name: "Echo", arguments: { n: 1 }, callId: "call_lost" }),
      {
        parts: [
          { kind: "text", text: "Looking." },
          { kind: "call", name: "Echo", arguments: { n: 1 } },
        ],
      },
      fails({ kind: "early-end" }),
      says("Oat milk."),
    ],
    { tools: [echo] },
  );

  const { run, calls: stored, finalText } = await of.answer("what's running out?");

  expect(run).toMatchObject({ status: "completed", attempt: 1 });
  expect(finalText).toBe("Looking.\n\nOat milk.");
  expect(saidBy(of)).toBe(finalText);
  expect(stored).toHaveLength(1);
  expect(inputOf(of.model.requests[4])).toEqual(inputOf(of.model.requests[3]));
  expect(of.model.unexpected).toEqual([]);
});

test("text that was shown stays, an honest sentence follows, and there is no retry after it", async () => {
  const of = await open([
    calls({ name: "CheckOutOfStock" }),
    { status: 503 },
    fails({ kind: "drop" }, oatMi),
    says("Never asked for."),
  ]);

  const { run, messages, finalText } = await of.answer("what's running out?");

  expect(run).toMatchObject({ status: "failed", errorCode: "MODEL_STREAM_BROKEN" });
  expect(finalText).toBe(`Oat mi\n\n_${faults.MODEL_STREAM_BROKEN}_`);
  expect(messages[1]?.text).toBe("Oat mi");
  expect(of.model.requests).toHaveLength(3);
});

test("a run's retries are shared by all its rounds; then it ends with the message of the fault", async () => {
  const of = await open(
    [
      { status: 503 },
      { status: 503 },
      calls({ name: "Echo", arguments: { n: 1 } }),
      { status: 503 },
      { status: 503 },
      calls({ name: "Echo", arguments: { n: 2 } }),
      { status: 503 },
      says("Never asked for."),
    ],
    { tools: [echo] },
  );

  const { run, finalText } = await of.answer("what's running out?");

  expect(run).toMatchObject({ status: "failed", errorCode: "MODEL_UNAVAILABLE" });
  expect(finalText).toBe(faults.MODEL_UNAVAILABLE);
  expect(of.model.requests).toHaveLength(7);
});

test("a stop during the pause before a retry works at once", async () => {
  const waiting = Promise.withResolvers<void>();
  const of = await open([{ status: 503 }, says("Never asked for.")], {
    modelRetries: {
      sleep(_ms, signal) {
        waiting.resolve();
        return new Promise((_resolve, reject) =>
          signal.addEventListener("abort", () => reject(new Error("woken")), { once: true }),
        );
      },
    },
  });
  await of.startWorker();
  const { runId } = await of.ask("what's running out?");
  await waiting.promise;

  await of.stop(runId);
  const finalText = await of.ended(runId);

  expect(finalText).toBe(textsIn("en").stopped);
  expect((await of.read(runId)).run.status).toBe("cancelled");
  expect(of.model.requests).toHaveLength(1);
});

test("hundreds of runs in an outage end at once with one honest sentence, and none of them calls the provider", async () => {
  provider = await createModelStandIn({ answer: () => ({ status: 503 }) });
  const model = createModel({ apiKey: null, baseUrl: provider.url, name: "test-model" });
  // The clock does not move: on a slow machine there is no trial in between.
  const of = await open([], { model: withCircuit(model, { logger: pino({ level: "silent" }), now: () => 0 }) });
  await of.startWorker();
  const askAll = async (people: number) => {
    const asked = Array.from({ length: people }, (_, index) => of.ask("go", { from: 7_001 + index }));
    const runIds = (await Promise.all(asked)).map(({ runId }) => runId);
    return Promise.all(runIds.map((runId) => of.ended(runId)));
  };

  const first = [...(await askAll(1)), ...(await askAll(1))];
  const others = await askAll(200);

  expect(first).toEqual([faults.MODEL_UNAVAILABLE, faults.MODEL_UNAVAILABLE]);
  expect(new Set(others)).toEqual(new Set([faults.MODEL_CIRCUIT_OPEN]));
  expect(provider.requests).toHaveLength(CIRCUIT_FAILURES);
});
