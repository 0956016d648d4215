/**
 * The meter as Prometheus counters and histograms.
 *
 * Label values come from the code and the configuration only (outcomes, error codes, methods, tools, the model's name), so
 * their number is bounded. Base units: seconds, dollars.
 */
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { ENDED_STATUSES } from "../../run-states.ts";
import type {
  CircuitState,
  Meter,
  ModelMeter,
  ModelUse,
  ReplyMeter,
  RunMeter,
  TelegramMeter,
  ToolMeter,
} from "../meter.ts";

/** From an immediate answer to a chat that Telegram's rate limit freezes for minutes. */
const FIRST_TEXT_BUCKETS = [0.25, 0.5, 1, 1.5, 2, 3, 5, 8, 15, 30, 60, 300];
/** Telegram's rate limit alone delays text by half a second. */
const STALENESS_BUCKETS = [0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60];
/** A tool call times out after ten seconds. */
const TOOL_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const RETRY_AFTER_BUCKETS = [1, 2, 5, 10, 30, 60, 300, 1_800];

const CIRCUIT_STATES: readonly CircuitState[] = ["closed", "half-open", "open"];

/** A meter that records in `registry`. */
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
    help: "Attempts at runs that workers of this process have started",
    registers,
  });
  const takeovers = new Counter({
    name: "counterhand_run_takeovers_total",
    help: "Attempts after a run's first: another worker had started it, and died or handed it over",
    registers,
  });
  const handovers = new Counter({
    name: "counterhand_run_handovers_total",
    help: "Runs that this process handed over to another worker, by reason",
    labelNames: ["reason"],
    registers,
  });
  const ended = new Counter({
    name: "counterhand_runs_ended_total",
    help: "Runs that ended in this process, by outcome and error code",
    labelNames: ["outcome", "code"],
    registers,
  });
  // Start at 0: Prometheus' rate() misses the first increment of a series that starts at 1.
  for (const outcome of ENDED_STATUSES) ended.inc({ outcome, code: "none" }, 0);
  return {
    attemptStarted(attempt) {
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
    help: "Duration of tool calls, by tool and result",
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
    help: "Model calls that were retried, by the error before the retry",
    labelNames: ["reason"],
    registers,
  });
  const countUse = createUseCounter(registers);
  return {
    modelCalled(model, result, use) {
      calls.inc({ model, result });
      if (use) countUse(model, use);
    },
    modelRetried: (reason) => retries.inc({ reason }),
    circuitChanged: createCircuitGauge(registers),
  };
}

function createUseCounter(registers: Registry[]): (model: string, use: ModelUse) => void {
  const tokens = new Counter({
    name: "counterhand_model_tokens_total",
    help: "Tokens by kind; each token counts under one kind only",
    labelNames: ["kind"],
    registers,
  });
  const cost = new Counter({
    name: "counterhand_model_cost_dollars_total",
    help: "Cost of the tokens in US dollars, by model; absent for a model without a known price",
    labelNames: ["model"],
    registers,
  });
  return (model, use) => {
    add(tokens, use.inputTokens - use.cachedInputTokens, { kind: "input" });
    add(tokens, use.cachedInputTokens, { kind: "cached_input" });
    add(tokens, use.outputTokens - use.reasoningTokens, { kind: "output" });
    add(tokens, use.reasoningTokens, { kind: "reasoning" });
    if (use.costUsd !== null) add(cost, use.costUsd, { model });
  };
}

function createCircuitGauge(registers: Registry[]): (state: CircuitState) => void {
  const circuit = new Gauge({
    name: "counterhand_model_circuit_state",
    help: "1 for the current state of the circuit breaker before the model, 0 for the other states",
    labelNames: ["state"],
    registers,
  });
  const setState = (current: CircuitState) => {
    for (const state of CIRCUIT_STATES) circuit.set({ state }, state === current ? 1 : 0);
  };
  setState("closed");
  return setState;
}

function telegramMeter(registers: Registry[]): TelegramMeter {
  const calls = new Counter({
    name: "counterhand_telegram_calls_total",
    help: "Bot API calls that ended, by method and result",
    labelNames: ["method", "result"],
    registers,
  });
  const waits = new Histogram({
    name: "counterhand_telegram_retry_after_seconds",
    help: "Answers with status 429, by how long Telegram asked to wait",
    buckets: RETRY_AFTER_BUCKETS,
    registers,
  });
  return {
    telegramCalled: (method, result) => calls.inc({ method, result }),
    telegramRateLimited: (seconds) => observe(waits, seconds),
  };
}

function replyMeter(registers: Registry[]): ReplyMeter {
  const firstText = new Histogram({
    name: "counterhand_first_text_seconds",
    help: "Time from the commit of a question until Telegram accepted the first text of its answer",
    buckets: FIRST_TEXT_BUCKETS,
    registers,
  });
  const staleness = new Histogram({
    name: "counterhand_text_staleness_seconds",
    help: "Age of the oldest text of a write, since the model sent it, when Telegram accepted the write",
    buckets: STALENESS_BUCKETS,
    registers,
  });
  const duplicates = new Counter({
    name: "counterhand_messages_maybe_doubled_total",
    help: "Messages that may be in a chat twice: a send was repeated after an unknown outcome",
    registers,
  });
  return {
    firstTextShown: (seconds) => observe(firstText, seconds),
    textShown: (seconds) => observe(staleness, seconds),
    messageMaybeDuplicated: () => duplicates.inc(),
  };
}

/** Ignores what is not a number: prom-client would throw, and a model server may report anything. */
function observe<L extends string>(histogram: Histogram<L>, value: number, labels?: Record<L, string>): void {
  if (!Number.isFinite(value)) return;
  if (labels) histogram.observe(labels, Math.max(0, value));
  else histogram.observe(Math.max(0, value));
}

function add<L extends string>(counter: Counter<L>, value: number, labels: Record<L, string>): void {
  if (Number.isFinite(value) && value > 0) counter.inc(labels, value);
}
