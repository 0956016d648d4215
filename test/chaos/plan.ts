/**
 * The plan of a chaos run: questions, stops and faults with their times, all drawn from the seed before the start.
 *
 * The same seed gives the same plan. The outcome also depends on the timing of the real processes.
 */
import { createRandom, type Random } from "../../sandbox/shop/random.ts";
import type { QuestionSpec } from "./answers.ts";
import type { Link } from "./recording.ts";
import type { ModelFault } from "./scripted-model.ts";
import type { LinkMode } from "./tcp-proxy.ts";

export interface PlanOptions {
  readonly seed: string;
  readonly messages: number;
  readonly kills: number;
  /** Number of crashes of the database server. Only for a server that nothing else uses. */
  readonly serverCrashes: number;
  /** How the processes receive updates. */
  readonly intake: "polling" | "webhook";
  /** The period over which people write, in milliseconds. */
  readonly durationMs: number;
  readonly privateChats: number;
  readonly groups: number;
  readonly forums: number;
}

/** The type of a chat or topic in which people write. */
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

export type Fault =
  /** Waits until another process is up, unless `evenTheLast` is set. */
  | { readonly kind: "kill"; readonly pauseMs: number; readonly evenTheLast: boolean }
  /** A second signal after `secondAfterMs` makes the process exit immediately; null: none. */
  | {
      readonly kind: "terminate";
      readonly pauseMs: number;
      readonly evenTheLast: boolean;
      readonly secondAfterMs: number | null;
    }
  | { readonly kind: "freeze"; readonly ms: number }
  | { readonly kind: "cut"; readonly link: Link }
  | { readonly kind: "disturb"; readonly link: Link; readonly mode: LinkMode; readonly ms: number }
  | { readonly kind: "backends"; readonly all: boolean }
  | { readonly kind: "server-crash" }
  | { readonly kind: "telegram"; readonly method: string; readonly fault: TelegramFaultKind; readonly seconds: number };

/** A fault for the process in `slot`, or for the next one that is up. */
export interface PlannedFault {
  readonly atMs: number;
  readonly slot: number;
  readonly fault: Fault;
}

export interface Plan {
  readonly options: PlanOptions;
  /** Private chats first, then groups, then two topics of each forum. */
  readonly places: readonly PlaceKind[];
  readonly questions: readonly PlannedQuestion[];
  readonly stops: readonly PlannedStop[];
  readonly modelFaults: ReadonlyMap<number, ModelFault>;
  readonly faults: readonly PlannedFault[];
}

export const SLOTS = ["a", "b", "c"] as const;
export const TOPICS_PER_FORUM = 2;

/** Share of questions in groups and topics. It is low because Telegram allows 20 messages per minute in a group. */
const GROUP_SHARE = 0.08;
const STOP_SHARE = 0.01;
const MODEL_FAULT_SHARE = 0.02;
const SECOND_SIGNAL_SHARE = 0.4;
/** Number of other faults for each kill. */
const PER_KILL = { terminate: 0.1, freeze: 0.15, cut: 0.2, disturb: 0.25, backends: 0.1, telegram: 0.5 } as const;
const LINKS = ["database", "telegram", "model"] as const;
const LINKS_OF = { polling: LINKS, webhook: [...LINKS, "webhook"] } as const;
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
    faults: drawFaults(random, options).sort(byTime),
  };
}

function drawQuestion(random: Random, options: PlanOptions, id: number): PlannedQuestion {
  const groupPlaces = options.groups + options.forums * TOPICS_PER_FORUM;
  const isInGroup = groupPlaces > 0 && random.happens(GROUP_SHARE);
  const place = isInGroup
    ? options.privateChats + between(random, 0, groupPlaces - 1)
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

function drawFaults(random: Random, { kills, serverCrashes, durationMs, intake }: PlanOptions): PlannedFault[] {
  const link = (): Link => oneOf<Link>(random, LINKS_OF[intake]);
  const at = () => ({ atMs: random.next() * durationMs, slot: between(random, 0, SLOTS.length - 1) });
  const several = (count: number, draw: () => Fault) =>
    Array.from({ length: count }, () => ({ ...at(), fault: draw() }));
  const countOf = (kind: keyof typeof PER_KILL) => Math.ceil(kills * PER_KILL[kind]);
  return [
    ...several(kills, () => ({ kind: "kill", pauseMs: between(random, 100, 2_500), evenTheLast: random.happens(0.1) })),
    ...several(countOf("terminate"), () => ({
      kind: "terminate",
      pauseMs: between(random, 0, 1_500),
      evenTheLast: random.happens(0.1),
      // Two signals within a short time count as one.
      secondAfterMs: random.happens(SECOND_SIGNAL_SHARE) ? between(random, 400, 3_000) : null,
    })),
    ...several(countOf("freeze"), () => ({ kind: "freeze", ms: between(random, 1_000, 15_000) })),
    ...several(countOf("cut"), () => ({ kind: "cut", link: link() })),
    ...several(countOf("disturb"), () => drawDisturbance(random, link())),
    ...several(countOf("backends"), () => ({ kind: "backends", all: random.happens(0.3) })),
    ...several(serverCrashes, () => ({ kind: "server-crash" })),
    ...several(countOf("telegram"), () => ({
      kind: "telegram",
      method: oneOf(random, TELEGRAM_METHODS),
      fault: oneOf(random, TELEGRAM_FAULTS),
      seconds: between(random, 1, 3),
    })),
  ];
}

function drawDisturbance(random: Random, link: Link): Fault {
  const modes: [LinkMode, ...LinkMode[]] = [
    { kind: "refuse" },
    { kind: "blackhole" },
    { kind: "delay", ms: between(random, 20, 300) },
  ];
  return {
    kind: "disturb",
    link,
    mode: oneOf(random, modes),
    ms: between(random, 500, 12_000),
  };
}

/** A random integer; both bounds are inclusive. */
function between(random: Random, least: number, most: number): number {
  return least + Math.floor(random.next() * (most - least + 1));
}

function oneOf<Item>(random: Random, items: readonly [Item, ...Item[]]): Item {
  return items[Math.floor(random.next() * items.length)] ?? items[0];
}
