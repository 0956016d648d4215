/**
 * What is going to happen, all of it drawn from the seed before anything begins: who asks what and when, and what goes wrong.
 *
 * The same seed gives the same plan. What real processes make of it depends on their timing as well.
 */
import { createRandom, type Random } from "../../sandbox/shop/random.ts";
import type { QuestionSpec } from "./answers.ts";
import type { ModelFault } from "./scripted-model.ts";
import type { Border } from "./recording.ts";
import type { BorderMode } from "./tcp-proxy.ts";

export interface PlanOptions {
  readonly seed: string;
  readonly messages: number;
  readonly kills: number;
  /** Crashes of the database server, from which it recovers: only for a server that nobody else uses. */
  readonly serverCrashes: number;
  /** How updates come to the processes. */
  readonly intake: "polling" | "webhook";
  /** Over how long people write, in milliseconds. */
  readonly durationMs: number;
  readonly privateChats: number;
  readonly groups: number;
  readonly forums: number;
}

/** Where people write. */
export type PlaceKind = "private" | "group" | "topic";

export interface PlannedQuestion {
  readonly atMs: number;
  readonly place: number;
  readonly spec: QuestionSpec;
}

export interface PlannedStop {
  readonly atMs: number;
  readonly place: number;
  readonly how: "/stop" | "/new" | "button";
}

export type TelegramFaultKind = "too-many-requests" | "http" | "drop-before" | "drop-after";

export type Act =
  /** Only while another process is up, unless it is `evenTheLast`. */
  | { readonly kind: "kill"; readonly pauseMs: number; readonly evenTheLast: boolean }
  /** `secondAfterMs`: when a second signal follows, which ends it at once; null for none. */
  | {
      readonly kind: "terminate";
      readonly pauseMs: number;
      readonly evenTheLast: boolean;
      readonly secondAfterMs: number | null;
    }
  | { readonly kind: "freeze"; readonly ms: number }
  | { readonly kind: "cut"; readonly border: Border }
  | { readonly kind: "disturb"; readonly border: Border; readonly mode: BorderMode; readonly ms: number }
  | { readonly kind: "backends"; readonly all: boolean }
  | { readonly kind: "server-crash" }
  | { readonly kind: "telegram"; readonly method: string; readonly fault: TelegramFaultKind; readonly seconds: number };

/** An act against the process in `slot`, or the next one that is up. */
export interface PlannedAct {
  readonly atMs: number;
  readonly slot: number;
  readonly act: Act;
}

export interface Plan {
  readonly options: PlanOptions;
  /** By number: private chats first, then groups, then two topics of each forum. */
  readonly places: readonly PlaceKind[];
  readonly questions: readonly PlannedQuestion[];
  readonly stops: readonly PlannedStop[];
  readonly modelFaults: ReadonlyMap<number, ModelFault>;
  readonly acts: readonly PlannedAct[];
}

export const SLOTS = ["a", "b", "c"] as const;
export const TOPICS_PER_FORUM = 2;

/** Share of questions asked in groups and topics: Telegram lets a bot do 20 things a minute there. */
const GROUP_SHARE = 0.08;
const STOP_SHARE = 0.01;
const MODEL_FAULT_SHARE = 0.02;
const SECOND_SIGNAL_SHARE = 0.4;
/** How often the other acts come, for each kill. */
const PER_KILL = { terminate: 0.1, freeze: 0.15, cut: 0.2, disturb: 0.25, backends: 0.1, telegram: 0.5 } as const;
const BORDERS = ["database", "telegram", "model"] as const;
const BORDERS_OF = { polling: BORDERS, webhook: [...BORDERS, "webhook"] } as const;
const MODEL_FAULTS = ["drop", "early-end", "error-500", "error-429"] as const;
const TELEGRAM_FAULTS = ["too-many-requests", "http", "drop-before", "drop-after"] as const;
const TELEGRAM_METHODS = ["sendMessage", "editMessageText"] as const;

/** Draws the plan of a seed. */
export function drawPlan(options: PlanOptions): Plan {
  const random = createRandom(`chaos ${options.seed}`);
  const places = [
    ...Array.from({ length: options.privateChats }, () => "private" as const),
    ...Array.from({ length: options.groups }, () => "group" as const),
    ...Array.from({ length: options.forums * TOPICS_PER_FORUM }, () => "topic" as const),
  ];
  const questions = Array.from({ length: options.messages }, (_, index) => drawQuestion(random, options, index + 1));
  const byTime = (one: { atMs: number }, other: { atMs: number }) => one.atMs - other.atMs;
  return {
    options,
    places,
    questions: questions.sort(byTime),
    stops: questions.filter(() => random.happens(STOP_SHARE)).map((question) => drawStop(random, question)),
    modelFaults: new Map(
      questions
        .filter(() => random.happens(MODEL_FAULT_SHARE))
        .map(({ spec }) => [spec.id, oneOf(random, MODEL_FAULTS)] as const),
    ),
    acts: drawActs(random, options).sort(byTime),
  };
}

function drawQuestion(random: Random, options: PlanOptions, id: number): PlannedQuestion {
  const others = options.groups + options.forums * TOPICS_PER_FORUM;
  const isElsewhere = others > 0 && random.happens(GROUP_SHARE);
  const place = isElsewhere
    ? options.privateChats + between(random, 0, others - 1)
    : between(random, 0, options.privateChats - 1);
  const size = random.next();
  const sentences =
    size < 0.6 ? between(random, 1, 4) : size < 0.92 ? between(random, 6, 25) : between(random, 80, 180);
  const rounds = random.pick([0.5, 0.8, 1]);
  const streamMs = sentences < 5 ? between(random, 100, 500) : between(random, 500, 3_000);
  const callsPerRound = rounds === 0 ? 0 : between(random, 1, 3);
  return {
    atMs: random.next() * options.durationMs,
    place,
    spec: { id, rounds, callsPerRound, sentences, streamMs },
  };
}

function drawStop(random: Random, { atMs, place }: PlannedQuestion): PlannedStop {
  return { atMs: atMs + between(random, 100, 2_000), place, how: oneOf(random, ["/stop", "/new", "button"] as const) };
}

function drawActs(random: Random, { kills, serverCrashes, durationMs, intake }: PlanOptions): PlannedAct[] {
  const border = (): Border => oneOf<Border>(random, BORDERS_OF[intake]);
  const at = () => ({ atMs: random.next() * durationMs, slot: between(random, 0, SLOTS.length - 1) });
  const several = (count: number, draw: () => Act) => Array.from({ length: count }, () => ({ ...at(), act: draw() }));
  const some = (kind: keyof typeof PER_KILL) => Math.ceil(kills * PER_KILL[kind]);
  return [
    ...several(kills, () => ({ kind: "kill", pauseMs: between(random, 100, 2_500), evenTheLast: random.happens(0.1) })),
    ...several(some("terminate"), () => ({
      kind: "terminate",
      pauseMs: between(random, 0, 1_500),
      evenTheLast: random.happens(0.1),
      // Two within a moment are one.
      secondAfterMs: random.happens(SECOND_SIGNAL_SHARE) ? between(random, 400, 3_000) : null,
    })),
    ...several(some("freeze"), () => ({ kind: "freeze", ms: between(random, 1_000, 15_000) })),
    ...several(some("cut"), () => ({ kind: "cut", border: border() })),
    ...several(some("disturb"), () => drawDisturbance(random, border())),
    ...several(some("backends"), () => ({ kind: "backends", all: random.happens(0.3) })),
    ...several(serverCrashes, () => ({ kind: "server-crash" })),
    ...several(some("telegram"), () => ({
      kind: "telegram",
      method: oneOf(random, TELEGRAM_METHODS),
      fault: oneOf(random, TELEGRAM_FAULTS),
      seconds: between(random, 1, 3),
    })),
  ];
}

function drawDisturbance(random: Random, border: Border): Act {
  const modes: [BorderMode, ...BorderMode[]] = [
    { kind: "refuse" },
    { kind: "blackhole" },
    { kind: "delay", ms: between(random, 20, 300) },
  ];
  return {
    kind: "disturb",
    border,
    mode: oneOf(random, modes),
    ms: between(random, 500, 12_000),
  };
}

/** Both ends included. */
function between(random: Random, least: number, most: number): number {
  return least + Math.floor(random.next() * (most - least + 1));
}

function oneOf<Item>(random: Random, items: readonly [Item, ...Item[]]): Item {
  return items[Math.floor(random.next() * items.length)] ?? items[0];
}
