import { afterEach, expect, test } from "vitest";
import { createModelStandIn, type ModelStandIn } from "../../../sandbox/model/model-stand-in.ts";
import { fails, says } from "../../../sandbox/model/script.ts";
import type { Turn } from "../../../sandbox/model/turn.ts";
import { CIRCUIT_FAILURES } from "../../../src/assistant/limits.ts";
import { withCircuit } from "../../../src/assistant/model/circuit.ts";
import { ModelError } from "../../../src/assistant/model/errors/error.ts";
import { createModel, type Model, type ModelOptions } from "../../../src/assistant/model/model.ts";
import { withRetries } from "../../../src/assistant/model/retry.ts";
import type { CircuitState } from "../../../src/observability/meter.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { createCapturedLog } from "../../support/log.ts";

const open: ModelStandIn[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((standIn) => standIn.close()));
});

/** A process: one model behind its circuit. `play` sets how the provider answers from now on. */
async function startProcess(options: Partial<ModelOptions> = {}) {
  let turn: Turn | Promise<Turn> = AWAY;
  const standIn = await createModelStandIn({ answer: () => turn });
  open.push(standIn);
  const clock = createFakeClock();
  const log = createCapturedLog({ clock: clock.now });
  const states: CircuitState[] = [];
  const model = withCircuit(createModel({ apiKey: null, baseUrl: standIn.url, name: "test-model", ...options }), {
    logger: log.logger,
    now: clock.now,
    onCircuit: (state) => states.push(state),
  });
  /** How a call ended: its text, or its error code. */
  const ask = async (signal = new AbortController().signal): Promise<string> => {
    let text = "";
    try {
      await model.answer(question, { signal, onText: (delta) => (text += delta) });
      return text;
    } catch (error) {
      if (error instanceof ModelError) return error.code;
      throw error;
    }
  };
  const play = (next: Turn | Promise<Turn>) => {
    turn = next;
  };
  const askTimes = async (times: number) => {
    const ends: string[] = [];
    for (let time = 1; time <= times; time += 1) ends.push(await ask());
    return ends;
  };
  const lines = () => log.lines().map(({ level, msg }) => `${level}: ${msg}`);
  return { standIn, model, clock, states, ask, askTimes, play, lines };
}

/** A process whose circuit has just opened. */
async function startAway(options?: Partial<ModelOptions>) {
  const process = await startProcess(options);
  await process.askTimes(CIRCUIT_FAILURES);
  return process;
}

const AWAY: Turn = { status: 503 };
const BACK = says("Oat milk.");
const question = {
  instructions: "You are the Assistant.",
  input: [{ role: "user", content: "what's running out?" }],
  tools: [],
  mayCallTools: false,
  cacheKey: "thread-1",
  safetyIdentifier: null,
};
const OPENED = "40: the model is unavailable: it is not called until a trial succeeds";
const CLOSED = "30: the model is back";
const failing = (times: number, code: string) => Array(times).fill(code);

test.each<[string, Turn, string, Partial<ModelOptions>]>([
  ["503", AWAY, "MODEL_UNAVAILABLE", {}],
  ["429", { status: 429 }, "MODEL_RATE_LIMITED", {}],
  ["a drop before the first word", fails({ kind: "drop" }), "MODEL_STREAM_BROKEN", {}],
  ["silence before the first word", fails({ kind: "silence" }), "MODEL_SILENT", { idleTimeoutMs: 100 }],
])(
  "after eight calls in a row that end with %s the model is not called any more",
  async (_name, turn, code, options) => {
    const { askTimes, play, standIn, states, lines } = await startProcess(options);
    play(turn);

    const ends = await askTimes(CIRCUIT_FAILURES + 3);

    expect(ends).toEqual([...failing(8, code), ...failing(3, "MODEL_CIRCUIT_OPEN")]);
    expect(standIn.requests).toHaveLength(8);
    expect(states).toEqual(["open"]);
    expect(lines()).toEqual([OPENED]);
  },
);

test("a provider that cannot be reached counts as away", async () => {
  const { askTimes, standIn } = await startProcess();
  await standIn.close();

  const ends = await askTimes(CIRCUIT_FAILURES + 1);

  expect(ends).toEqual([...failing(8, "MODEL_UNREACHABLE"), "MODEL_CIRCUIT_OPEN"]);
});

test.each<[string, Turn]>([
  ["an answer", BACK],
  ["an answer without text", { parts: [{ kind: "reasoning" }] }],
  ["first words before a failure", fails({ kind: "drop" }, { kind: "text", text: "Oat mi" })],
  ["a refusal", { status: 400 }],
])("%s between the failures shows that the provider is up", async (_name, turn) => {
  const { ask, askTimes, play, standIn, states } = await startProcess();

  await askTimes(CIRCUIT_FAILURES - 1);
  play(turn);
  await ask();
  play(AWAY);
  await askTimes(CIRCUIT_FAILURES - 1);

  expect(standIn.requests).toHaveLength(15);
  expect(states).toEqual([]);
});

test("a failure during an answer shows neither", async () => {
  const { ask, askTimes, play, states } = await startProcess();

  await askTimes(CIRCUIT_FAILURES - 1);
  play(fails({ kind: "failed", code: "server_error", message: "Overloaded." }));
  await askTimes(CIRCUIT_FAILURES);
  play(AWAY);
  await ask();

  expect(states).toEqual(["open"]);
});

test("after the open time one call is a trial, other calls fail at once, and the trial's first text closes the circuit", async () => {
  const { ask, clock, play, standIn, states, lines } = await startAway();
  const [maySpeak, mayEnd] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  play({ parts: [{ kind: "text", text: [maySpeak.promise, "Oat", mayEnd.promise, " milk."] }] });

  await clock.advance(1_999);
  const tooEarly = await ask();
  await clock.advance(1);
  const trial = ask();
  await standIn.waitForRequest(9);
  const meanwhile = await ask();
  maySpeak.resolve();
  await expect.poll(() => states.at(-1)).toBe("closed");
  play(BACK);
  const afterwards = await ask();
  mayEnd.resolve();

  expect([tooEarly, meanwhile, afterwards]).toEqual(["MODEL_CIRCUIT_OPEN", "MODEL_CIRCUIT_OPEN", "Oat milk."]);
  expect(await trial).toBe("Oat milk.");
  expect(standIn.requests).toHaveLength(10);
  expect(states).toEqual(["open", "half-open", "closed"]);
  expect(lines()).toEqual([OPENED, CLOSED]);
});

test("each failed trial doubles the open time up to a minute, with one log line; after a success it starts again", async () => {
  const { ask, askTimes, clock, play, standIn, lines } = await startAway();
  const timesOpen: number[] = [];
  const waitForTrial = async () => {
    const before = standIn.requests.length;
    for (let seconds = 0; ; seconds += 1, await clock.advance(1_000)) {
      await ask();
      if (standIn.requests.length > before) return timesOpen.push(seconds);
    }
  };

  for (let trial = 1; trial <= 7; trial += 1) await waitForTrial();
  play(BACK);
  await waitForTrial();
  play(AWAY);
  await askTimes(CIRCUIT_FAILURES);
  await waitForTrial();

  expect(timesOpen).toEqual([2, 4, 8, 16, 32, 60, 60, 60, 2]);
  expect(lines()).toEqual([OPENED, CLOSED, OPENED]);
});

test("the circuit stays open as long as the provider asks to wait, but no longer than a minute", async () => {
  const timesOpen: number[] = [];
  for (const seconds of [1, 30, 3_600]) {
    const { ask, askTimes, clock, play, standIn } = await startProcess();
    play({ status: 429, headers: { "retry-after": String(seconds) } });
    await askTimes(CIRCUIT_FAILURES);
    let waited = 0;
    for (; standIn.requests.length === CIRCUIT_FAILURES; waited += 1) {
      await clock.advance(1_000);
      await ask();
    }
    timesOpen.push(waited);
  }

  expect(timesOpen).toEqual([2, 30, 60]);
});

test("a call that a person stops is no failure, and as a trial it is no success", async () => {
  const { ask, askTimes, clock, play, standIn, states } = await startProcess();
  const stopOne = async () => {
    const stop = new AbortController();
    const asked = standIn.requests.length + 1;
    const stopped = ask(stop.signal);
    await standIn.waitForRequest(asked);
    stop.abort("stopped");
    await expect(stopped).rejects.toBe("stopped");
  };

  await askTimes(CIRCUIT_FAILURES - 1);
  play(fails({ kind: "silence" }));
  await stopOne();
  const before = [...states];
  play(AWAY);
  await ask();
  await clock.advance(10_000);
  play(fails({ kind: "silence" }));
  await stopOne();
  const afterStop = [...states];
  play(BACK);
  const next = await ask();

  expect(before).toEqual([]);
  expect(afterStop).toEqual(["open", "half-open", "open"]);
  expect(next).toBe("Oat milk.");
  expect(states.at(-1)).toBe("closed");
});

test("a stop works also while the circuit is open", async () => {
  const { ask } = await startAway();

  await expect(ask(AbortSignal.abort("stopped"))).rejects.toBe("stopped");
});

test("calls that were under way when the circuit opened do not change its state, however they end", async () => {
  const { ask, askTimes, clock, play, standIn, states } = await startProcess();
  const ends = [Promise.withResolvers<Turn>(), Promise.withResolvers<Turn>(), Promise.withResolvers<Turn>()];
  const underWay: Promise<string>[] = [];
  for (const [index, end] of ends.entries()) {
    play(end.promise);
    underWay.push(ask());
    await standIn.waitForRequest(index + 1);
  }
  play(AWAY);
  await askTimes(CIRCUIT_FAILURES);

  ends[0]?.resolve(BACK);
  await underWay[0];
  ends[1]?.resolve(AWAY);
  await underWay[1];
  const still = await ask();
  await clock.advance(10_000);
  play(BACK);
  await ask();
  ends[2]?.resolve(AWAY);
  await underWay[2];
  play(AWAY);
  await askTimes(CIRCUIT_FAILURES - 1);

  expect(still).toBe("MODEL_CIRCUIT_OPEN");
  expect(states).toEqual(["open", "half-open", "closed"]);
});

/** A run of the process: how its call ended, and how often it waited for a retry. */
async function run(model: Model, sleep: () => Promise<unknown> = async () => undefined) {
  let waits = 0;
  const patient = withRetries(model, { sleep, onRetry: () => (waits += 1) });
  const answer = patient.answer(question, { signal: new AbortController().signal, onText: () => undefined });
  const error = await answer.catch((reason: unknown) => reason);
  return { code: error instanceof ModelError ? error.code : "answered", waits };
}

test("a run that waits for a retry while the circuit opens does not call the model again", async () => {
  const { model, askTimes, standIn } = await startProcess();

  const ended = await run(model, () => askTimes(CIRCUIT_FAILURES - 1));

  expect(ended).toEqual({ code: "MODEL_CIRCUIT_OPEN", waits: 1 });
  expect(standIn.requests).toHaveLength(CIRCUIT_FAILURES);
});

test("a run does not wait for a retry when its own call opened the circuit, or was the failed trial", async () => {
  const { model, askTimes, clock, standIn } = await startProcess();
  await askTimes(CIRCUIT_FAILURES - 2);

  const opener = await run(model);
  await clock.advance(10_000);
  const trial = await run(model);

  expect(opener).toEqual({ code: "MODEL_UNAVAILABLE", waits: 1 });
  expect(trial).toEqual({ code: "MODEL_UNAVAILABLE", waits: 0 });
  expect(standIn.requests).toHaveLength(CIRCUIT_FAILURES + 1);
});
