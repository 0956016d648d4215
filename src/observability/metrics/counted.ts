/**
 * What is counted while the product works: the meter that other rooms report to, as counters and histograms.
 *
 * Labels take words from the code and the configuration only (outcomes, error codes, methods, tools, the model's name), so
 * that their number is bounded. Base units: seconds, dollars.
 */
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { ENDED_STATUSES } from "../../run-states.ts";
import type { CircuitState, Meter, ModelMeter, ReplyMeter, RunMeter, TelegramMeter, ToolMeter } from "../meter.ts";

/** From a keystroke's echo to a chat that is frozen for minutes. */
const FIRST_TEXT_BUCKETS = [0.25, 0.5, 1, 1.5, 2, 3, 5, 8, 15, 30, 60, 300];
/** Text is half a second late where Telegram's pace is all that holds it up. */
const STALENESS_BUCKETS = [0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60];
/** A tool is given up after ten seconds. */
const TOOL_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const RETRY_AFTER_BUCKETS = [1, 2, 5, 10, 30, 60, 300, 1_800];

const CIRCUIT_STATES: readonly CircuitState[] = ["closed", "half-open", "open"];

/** A meter whose counts stand in `registry`. */
export function createMeter(registry: Registry): Meter {
  const registers = [registry];
  return {
    ...runMeter(registers),
    ...toolMeter(registers),
    ...modelMeter(registers),
    ...telegramMeter(registers),
    ...replyMeter(registers),
  };
}

function runMeter(registers: Registry[]): RunMeter {
  const attempts = new Counter({
    name: "counterhand_run_attempts_total",
    help: "Attempts at runs that workers of this process have begun",
    registers,
  });
  const takeovers = new Counter({
    name: "counterhand_run_takeovers_total",
    help: "Attempts beyond a run's first: another worker had begun it, and died or handed it over",
    registers,
  });
  const handovers = new Counter({
    name: "counterhand_run_handovers_total",
    help: "Runs that this process left to another worker, by reason",
    labelNames: ["reason"],
    registers,
  });
  const ended = new Counter({
    name: "counterhand_runs_ended_total",
    help: "Runs that ended in this process, by outcome and error code",
    labelNames: ["outcome", "code"],
    registers,
  });
  // A rate has to see the step from none to one, which a series that begins with one does not show.
  for (const outcome of ENDED_STATUSES) ended.inc({ outcome, code: "none" }, 0);
  return {
    attemptBegun(attempt) {
      attempts.inc();
      if (attempt > 1) takeovers.inc();
    },
    runHandedOver: (reason) => handovers.inc({ reason }),
    runEnded: ({ status, errorCode }) => ended.inc({ outcome: status, code: errorCode ?? "none" }),
  };
}

function toolMeter(registers: Registry[]): ToolMeter {
  const durations = new Histogram({
    name: "counterhand_tool_duration_seconds",
    help: "Time that tool calls took, by tool and result",
    labelNames: ["tool", "result"],
    buckets: TOOL_BUCKETS,
    registers,
  });
  return {
    toolEnded: (name, result, seconds) => observe(durations, seconds, { tool: name ?? "unknown", result }),
  };
}

function modelMeter(registers: Registry[]): ModelMeter {
  const calls = new Counter({
    name: "counterhand_model_calls_total",
    help: "Model calls that ended, by model and result",
    labelNames: ["model", "result"],
    registers,
  });
  const retries = new Counter({
    name: "counterhand_model_retries_total",
    help: "Model calls that were made again, by what had gone wrong",
    labelNames: ["reason"],
    registers,
  });
  const tokens = new Counter({
    name: "counterhand_model_tokens_total",
    help: "Tokens by kind; each is counted under one kind only",
    labelNames: ["kind"],
    registers,
  });
  const cost = new Counter({
    name: "counterhand_model_cost_dollars_total",
    help: "What the tokens cost in US dollars, by model; absent for a model without a known price",
    labelNames: ["model"],
    registers,
  });
  const circuit = new Gauge({
    name: "counterhand_model_circuit_state",
    help: "1 for the state that the circuit before the model is in, 0 for the others",
    labelNames: ["state"],
    registers,
  });
  const turn = (to: CircuitState) => {
    for (const state of CIRCUIT_STATES) circuit.set({ state }, state === to ? 1 : 0);
  };
  turn("closed");
  return {
    modelCalled(model, result, use) {
      calls.inc({ model, result });
      if (!use) return;
      add(tokens, use.inputTokens - use.cachedInputTokens, { kind: "input" });
      add(tokens, use.cachedInputTokens, { kind: "cached_input" });
      add(tokens, use.outputTokens - use.reasoningTokens, { kind: "output" });
      add(tokens, use.reasoningTokens, { kind: "reasoning" });
      if (use.costUsd !== null) add(cost, use.costUsd, { model });
    },
    modelRetried: (reason) => retries.inc({ reason }),
    circuitTurned: turn,
  };
}

function telegramMeter(registers: Registry[]): TelegramMeter {
  const calls = new Counter({
    name: "counterhand_telegram_calls_total",
    help: "Calls of the Bot API that ended, by method and result",
    labelNames: ["method", "result"],
    registers,
  });
  const waits = new Histogram({
    name: "counterhand_telegram_retry_after_seconds",
    help: "Answers with 429, by how long Telegram asked to wait",
    buckets: RETRY_AFTER_BUCKETS,
    registers,
  });
  return {
    telegramCalled: (method, result) => calls.inc({ method, result }),
    telegramAskedToWait: (seconds) => observe(waits, seconds),
  };
}

function replyMeter(registers: Registry[]): ReplyMeter {
  const firstText = new Histogram({
    name: "counterhand_first_text_seconds",
    help: "From a question's commit to the first text of its answer that Telegram accepted",
    buckets: FIRST_TEXT_BUCKETS,
    registers,
  });
  const staleness = new Histogram({
    name: "counterhand_text_staleness_seconds",
    help: "How long the oldest text of a write had left the model when Telegram accepted it",
    buckets: STALENESS_BUCKETS,
    registers,
  });
  const doubled = new Counter({
    name: "counterhand_messages_maybe_doubled_total",
    help: "Messages that may stand twice in a chat: a send was repeated without knowing what became of it",
    registers,
  });
  return {
    firstTextShown: (seconds) => observe(firstText, seconds),
    textShown: (seconds) => observe(staleness, seconds),
    messageMayBeDoubled: () => doubled.inc(),
  };
}

/** prom-client throws at what is no number; a foreign server's count may be anything, and counting is never in the way. */
function observe<L extends string>(histogram: Histogram<L>, value: number, labels?: Record<L, string>): void {
  if (!Number.isFinite(value)) return;
  if (labels) histogram.observe(labels, Math.max(0, value));
  else histogram.observe(Math.max(0, value));
}

function add<L extends string>(counter: Counter<L>, value: number, labels: Record<L, string>): void {
  if (Number.isFinite(value) && value > 0) counter.inc(labels, value);
}
