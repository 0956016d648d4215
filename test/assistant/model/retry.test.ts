import { afterEach, expect, test } from "vitest";
import { INSUFFICIENT_QUOTA_BODY } from "../../../sandbox/model/api-refusal.ts";
import { createModelStandIn, type ModelStandIn } from "../../../sandbox/model/model-stand-in.ts";
import { fails, says, scripted } from "../../../sandbox/model/script.ts";
import type { Responder, Turn } from "../../../sandbox/model/turn.ts";
import { MAX_MODEL_RETRIES } from "../../../src/assistant/limits.ts";
import { ModelError } from "../../../src/assistant/model/errors/error.ts";
import { createModel, type ModelOptions } from "../../../src/assistant/model/model.ts";
import { type ModelRetry, withRetries } from "../../../src/assistant/model/retry.ts";
import { question } from "./model-question.ts";

const open: ModelStandIn[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((standIn) => standIn.close()));
});

interface Setting extends Partial<ModelOptions> {
  /** The random number; the highest when left out. */
  random?: number;
  sleep?(ms: number, signal: AbortSignal): Promise<unknown>;
}

/** A model with the stand-in as its server, for one run. Its pauses take no time. */
async function startRun(answer: readonly Turn[] | Responder, { random = 1, sleep, ...options }: Setting = {}) {
  const standIn = await createModelStandIn({ answer: typeof answer === "function" ? answer : scripted(answer) });
  open.push(standIn);
  const retries: ModelRetry[] = [];
  const deltas: string[] = [];
  const model = withRetries(createModel({ apiKey: null, baseUrl: standIn.url, name: "test-model", ...options }), {
    sleep: sleep ?? (async () => undefined),
    random: () => random,
    onRetry: (retry) => retries.push(retry),
  });
  const ask = (signal = new AbortController().signal) =>
    model.answer(question, { signal, onText: (delta) => deltas.push(delta) });
  return { standIn, ask, deltas, retries };
}

const overloaded = { code: "server_error", message: "Overloaded." };
const halfACall = { kind: "call", name: "CheckOutOfStock", arguments: {} } as const;
const oatMi = { kind: "text", text: ["Oat", " mi"] } as const;

async function faultOf(answer: Promise<unknown>): Promise<string> {
  const error = await answer.then(
    () => new Error("an answer came"),
    (reason: unknown) => reason,
  );
  if (error instanceof ModelError) return error.code;
  throw error;
}

test.each<[string, Turn]>([
  ["429", { status: 429, headers: { "retry-after": "1" } }],
  ["500", { status: 500 }],
  ["503", { status: 503 }],
  ["408", { status: 408 }],
  ["a connection that drops", fails({ kind: "drop" })],
  ["a connection that drops in the middle of a call", fails({ kind: "drop" }, halfACall)],
  ["a connection that drops during reasoning", fails({ kind: "drop" }, { kind: "reasoning" })],
  ["a stream without a terminal event", fails({ kind: "early-end" })],
  ["a malformed stream", fails({ kind: "malformed" })],
  ["an internal failure of the server", fails({ kind: "failed", ...overloaded })],
  ["an error event for an internal failure", fails({ kind: "error-event", ...overloaded })],
  ["a rate limit in the stream", fails({ kind: "failed", code: "rate_limit_exceeded", message: "Too fast." })],
])("after %s the call is retried, and the answer arrives whole", async (_name, turn) => {
  const { ask, deltas, standIn, retries } = await startRun([turn, turn, says(["Oat", " milk."])]);

  const answer = await ask();

  expect(answer.outcome).toEqual({ status: "completed" });
  expect(deltas).toEqual(["Oat", " milk."]);
  expect(retries).toHaveLength(2);
  expect(standIn.requests.map(({ body }) => body)).toEqual(Array(3).fill(standIn.requests[0]?.body));
  expect(standIn.unexpected).toEqual([]);
});

test("a call to a server that was down is retried when it is back", async () => {
  let comeBack = async () => undefined as unknown;
  const { ask, deltas, standIn, retries } = await startRun([], { sleep: () => comeBack() });
  await standIn.close();
  comeBack = async () => {
    const port = Number(new URL(standIn.url).port);
    open.push(await createModelStandIn({ port, answer: scripted([says("Oat milk.")]) }));
  };

  await ask();

  expect(deltas.join("")).toBe("Oat milk.");
  expect(retries).toMatchObject([{ fault: "MODEL_UNREACHABLE" }]);
});

test("a silence before the first word is retried once in a run, not twice: it costs a person the most time", async () => {
  let asked = 0;
  const { ask, deltas, standIn } = await startRun(
    () => {
      asked += 1;
      return asked === 2 ? says("Oat milk.") : fails({ kind: "silence" });
    },
    { firstEventTimeoutMs: 60_000, idleTimeoutMs: 300 },
  );

  await ask();
  const second = await faultOf(ask());

  expect(deltas.join("")).toBe("Oat milk.");
  expect(second).toBe("MODEL_SILENT");
  expect(standIn.requests).toHaveLength(3);
});

test.each<[string, Turn, string]>([
  ["missing credit", { status: 429, body: INSUFFICIENT_QUOTA_BODY }, "MODEL_QUOTA"],
  ["a refused key", { status: 401 }, "MODEL_REFUSED_KEY"],
  ["a refused request", { status: 400 }, "MODEL_REFUSED_REQUEST"],
  [
    "a failure caused by the request",
    fails({ kind: "failed", code: "invalid_prompt", message: "No." }),
    "MODEL_FAILED",
  ],
  ["a server that forbids a retry", { status: 503, headers: { "x-should-retry": "false" } }, "MODEL_UNAVAILABLE"],
])("after %s there is no retry: it would not help", async (_name, turn, fault) => {
  const { ask, standIn, retries } = await startRun(() => turn);

  expect(await faultOf(ask())).toBe(fault);

  expect(standIn.requests).toHaveLength(1);
  expect(retries).toEqual([]);
});

test.each<[string, Turn, string]>([
  ["a drop", fails({ kind: "drop" }, oatMi), "MODEL_STREAM_BROKEN"],
  ["a stream without a terminal event", fails({ kind: "early-end" }, oatMi), "MODEL_STREAM_BROKEN"],
  ["an internal failure of the server", fails({ kind: "failed", ...overloaded }, oatMi), "MODEL_FAILED"],
  ["silence", fails({ kind: "silence" }, oatMi), "MODEL_SILENT"],
])("after %s behind the first words there is no retry: people saw them", async (_name, turn, fault) => {
  const { ask, deltas, standIn } = await startRun(() => turn, { firstEventTimeoutMs: 60_000, idleTimeoutMs: 1_000 });

  expect(await faultOf(ask())).toBe(fault);

  expect(deltas.join("")).toBe("Oat mi");
  expect(standIn.requests).toHaveLength(1);
});

test("all rounds of a run share one budget, and another run has its own", async () => {
  let asked = 0;
  const answer: Responder = () => {
    asked += 1;
    return asked % 3 === 0 ? says("Go on.") : { status: 500 };
  };
  const { ask, standIn } = await startRun(answer);
  const another = await startRun([{ status: 500 }, says("Oat milk.")]);

  for (let round = 1; round <= 2; round += 1) await ask();
  const third = await faultOf(ask());
  await another.ask();

  expect(MAX_MODEL_RETRIES).toBe(4);
  expect(third).toBe("MODEL_UNAVAILABLE");
  expect(standIn.requests).toHaveLength(7);
  expect(another.deltas.join("")).toBe("Oat milk.");
});

test.each([
  [1, [1_000, 2_000, 4_000, 8_000]],
  [0.5, [500, 1_000, 2_000, 4_000]],
  [0, [0, 0, 0, 0]],
])("with the random number %s the pauses are %j ms, doubling with each failure", async (random, waits) => {
  const slept: number[] = [];
  const sleep = async (ms: number) => slept.push(ms);
  const { ask, retries } = await startRun(() => ({ status: 503 }), { random, sleep });

  await faultOf(ask());

  expect(slept).toEqual(waits);
  expect(retries.map(({ waitMs }) => waitMs)).toEqual(waits);
});

test("a retry never comes sooner than the server asks, nor at the same time as all others", async () => {
  const turns = [
    { status: 429, headers: { "retry-after": "20" } },
    { status: 503, headers: { "retry-after-ms": "1500" } },
    says("Oat milk."),
  ];
  const { ask, retries } = await startRun(turns, { random: 0.5 });

  await ask();

  expect(retries).toEqual([
    { fault: "MODEL_RATE_LIMITED", waitMs: 20_500 },
    { fault: "MODEL_UNAVAILABLE", waitMs: 2_500 },
  ]);
});

test("a server that asks for a wait longer than a person would wait ends the call at once", async () => {
  const { ask, standIn } = await startRun(() => ({ status: 429, headers: { "retry-after": "21" } }));

  expect(await faultOf(ask())).toBe("MODEL_RATE_LIMITED");

  expect(standIn.requests).toHaveLength(1);
});

test("a stop during the pause ends it at once with its own reason, and there is no retry", async () => {
  const stop = new AbortController();
  const reason = new Error("the person pressed stop");
  const standIn = await createModelStandIn({
    answer: () => ({ status: 429, headers: { "retry-after": "20" } }),
  });
  open.push(standIn);
  // With the real pause.
  const model = withRetries(createModel({ apiKey: null, baseUrl: standIn.url, name: "test-model" }), {
    onRetry: () => setImmediate(() => stop.abort(reason)),
  });

  const answer = model.answer(question, { signal: stop.signal, onText: () => undefined });

  await expect(answer).rejects.toBe(reason);
  expect(standIn.requests).toHaveLength(1);
});
