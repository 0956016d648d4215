/**
 * One chaos run from the plan to the recording: three processes on one database, the stand-ins in this process, everything
 * played at its time, then healed and waited for.
 */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createModelStandIn, type ModelStandIn } from "../../sandbox/model/model-stand-in.ts";
import { createTelegramStandIn, type TelegramStandIn } from "../../sandbox/telegram/stand-in.ts";
import type { SocketServer } from "../../src/db/client.ts";
import { startBalancer } from "./balancer.ts";
import { createFaults } from "./fault-injector.ts";
import { createModelLines, type ModelLines } from "./scripted-model.ts";
import { type ObservedDatabase, observeDatabase } from "./observed-database.ts";
import { invitePeople, type People } from "./people.ts";
import { type Plan, SLOTS } from "./plan.ts";
import { openSlot, type Slot } from "./processes.ts";
import type { Border, Disturbance, Recording, TelegramCall } from "./recording.ts";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";
import { readShown, recordTelegramCalls } from "./telegram-record.ts";

/** A migrated, empty database on a server with a Unix socket. */
export type SocketTarget = SocketServer & { readonly database: string };

export interface SceneOptions {
  readonly plan: Plan;
  readonly target: SocketTarget;
  /** How long after the last question everything may take to come to its end. */
  readonly drainLimitMs: number;
  /** Ends it early: what was started is stopped in order. */
  readonly signal?: AbortSignal;
  /** Hears now and then how far it is. */
  onProgress?(line: string): void;
}

export interface SceneResult {
  readonly recording: Recording;
  readonly durationMs: number;
  /** Where the processes' logs are. */
  readonly folder: string;
}

const BOT_TOKEN = "4242:chaos-token-of-the-local-stand-in";
const ADMIN_TOKEN = "an-admin-token-for-chaos-of-forty-characters";
/** There and back: so that a kill may find a call on its way. */
const TELEGRAM_LATENCY_MS = 30;
const LOOK_INTERVAL_MS = 250;
const PROGRESS_INTERVAL_MS = 10_000;

/** Plays the plan. Everything it started has ended when it returns, also when it throws. */
export async function playScene(options: SceneOptions): Promise<SceneResult> {
  const startedAt = performance.now();
  const folder = await mkdtemp(join(tmpdir(), "counterhand-chaos-"));
  const presenter = await setStage(options, folder);
  try {
    await Promise.all(presenter.slots.map((slot) => slot.ready()));
    const gaveUpBecause = await play(options, presenter);
    const recording = await record(presenter, gaveUpBecause);
    return { recording, durationMs: performance.now() - startedAt, folder };
  } finally {
    await presenter.close();
  }
}

interface Stage {
  readonly telegram: TelegramStandIn;
  readonly model: ModelStandIn;
  readonly lines: ModelLines;
  readonly database: ObservedDatabase;
  readonly people: People;
  readonly slots: readonly Slot[];
  readonly disturbances: Disturbance[];
  readonly telegramCalls: readonly TelegramCall[];
  close(): Promise<void>;
}

async function setStage({ plan, target }: SceneOptions, folder: string): Promise<Stage> {
  const slotByAddress = new Map<string, string>();
  const slotOf = (host: string) => slotByAddress.get(host) ?? "unknown";
  const telegram = await createTelegramStandIn({ token: BOT_TOKEN, latencyMs: TELEGRAM_LATENCY_MS });
  const lines = createModelLines(plan.modelFaults, slotOf);
  const model = await createModelStandIn({ answer: lines.answer });
  const database = await observeDatabase(target, SLOTS);
  const people = invitePeople(telegram, plan.options);
  const telegramCalls = recordTelegramCalls(telegram, slotOf);
  const disturbances: Disturbance[] = [];
  const opened: { slot: Slot; webhook: TcpProxy }[] = [];
  const balancer = await startBalancer(() => opened);
  const webhook = { TELEGRAM_WEBHOOK_URL: `http://127.0.0.1:${balancer.port}/telegram/webhook` };
  const env = {
    OWNER_TELEGRAM_IDS: people.telegramIds.join(","),
    ADMIN_TOKEN,
    LOG_LEVEL: "info",
    ...(plan.options.intake === "webhook" && webhook),
  };
  const proxies: TcpProxy[] = [balancer];
  for (const name of SLOTS) {
    const httpPort = await findFreePort();
    const borders = await startBorders({ target, telegram, model, httpPort });
    proxies.push(...Object.values(borders));
    for (const { port } of [borders.telegram, borders.model]) slotByAddress.set(`127.0.0.1:${port}`, name);
    const databaseUrl = `postgres://${database.roleOf(name)}@127.0.0.1/${target.database}`;
    const options = { name, proxies: borders, env, databaseUrl, botToken: BOT_TOKEN, httpPort, folder, disturbances };
    opened.push({ slot: openSlot(options), webhook: borders.webhook });
  }
  const slots = opened.map(({ slot }) => slot);
  return {
    telegram,
    model,
    lines,
    database,
    people,
    slots,
    disturbances,
    telegramCalls,
    async close() {
      await Promise.all(slots.map((slot) => slot.stop()));
      await Promise.all(proxies.map((proxy) => proxy.close()));
      await model.close();
      await telegram.close();
      await database.close();
    },
  };
}

async function startBorders(behind: {
  target: SocketTarget;
  telegram: TelegramStandIn;
  model: ModelStandIn;
  httpPort: number;
}): Promise<Record<Border, TcpProxy>> {
  const at = (address: string) => () => ({ port: Number(new URL(address).port) });
  return {
    database: await startTcpProxy(() => ({ path: join(behind.target.socketDir, ".s.PGSQL.5432") })),
    telegram: await startTcpProxy(at(behind.telegram.apiRoot)),
    model: await startTcpProxy(at(behind.model.url)),
    webhook: await startTcpProxy(() => ({ port: behind.httpPort })),
  };
}

/** A port that stays the same over all processes of a slot, so that the way to it does. */
async function findFreePort(): Promise<number> {
  const probe = await startTcpProxy(() => undefined);
  await probe.close();
  return probe.port;
}

/** @returns why not everything came to its end, or null. */
async function play(options: SceneOptions, presenter: Stage): Promise<string | null> {
  const { plan } = options;
  const { people, slots, telegram, database, disturbances } = presenter;
  const faults = createFaults({ slots, telegram, database, disturbances });
  const startedAt = Date.now();
  const timeline = [
    ...plan.questions.map((question) => ({ atMs: question.atMs, run: () => people.ask(question) })),
    ...plan.stops.map((stop) => ({ atMs: stop.atMs, run: () => people.stop(stop) })),
    ...plan.acts.map((act) => ({ atMs: act.atMs, run: () => faults.perform(act) })),
  ].sort((one, other) => one.atMs - other.atMs);
  const tell = createTeller(options, presenter, startedAt);
  let stoodStillMs = 0;
  for (const { atMs, run } of timeline) {
    for (;;) {
      const dueInMs = startedAt + stoodStillMs + atMs - Date.now();
      if (dueInMs <= 0 && faults.waiting() === 0) break;
      const lookedAt = Date.now();
      await sleep(faults.waiting() > 0 ? LOOK_INTERVAL_MS : Math.min(LOOK_INTERVAL_MS, dueInMs));
      options.signal?.throwIfAborted();
      // The plan's clock stands still while nobody is there to be killed: on a slow machine it lasts longer, and is the same.
      if (faults.waiting() > 0) stoodStillMs += Date.now() - lookedAt;
      faults.retry();
      await tell();
    }
    run();
  }
  while (faults.waiting() > 0) {
    await sleep(LOOK_INTERVAL_MS);
    faults.retry();
  }
  await faults.settled();
  return waitForEnd(presenter, options, tell);
}

/** Says now and then how far it is. */
function createTeller({ onProgress }: SceneOptions, presenter: Stage, startedAt: number): () => Promise<void> {
  let toldAt = startedAt;
  return async () => {
    if (!onProgress || Date.now() - toldAt < PROGRESS_INTERVAL_MS) return;
    toldAt = Date.now();
    const { asked, open, undelivered } = await whatIsLeft(presenter);
    const left = `${asked} asked, ${open} runs open, ${undelivered} undelivered`;
    onProgress(`${Math.round((toldAt - startedAt) / 1_000)} s: ${left}, ${presenter.disturbances.length} disturbances`);
  };
}

async function waitForEnd(
  presenter: Stage,
  { drainLimitMs, signal }: SceneOptions,
  tell: () => Promise<void>,
): Promise<string | null> {
  const deadline = Date.now() + drainLimitMs;
  for (;;) {
    const { asked, received, open, undelivered, pendingUpdates } = await whatIsLeft(presenter);
    if (asked === received && open === 0 && undelivered === 0 && pendingUpdates === 0) return null;
    if (Date.now() > deadline) {
      return `after ${drainLimitMs} ms: ${asked - received} questions not received, ${open} runs open, ${undelivered} replies undelivered, ${pendingUpdates} updates unconfirmed`;
    }
    await tell();
    await sleep(LOOK_INTERVAL_MS);
    signal?.throwIfAborted();
  }
}

async function whatIsLeft({ database, people, telegram }: Stage) {
  const [left] = await database.ask(
    (session) => session<{ received: number; open: number; undelivered: number }[]>`select
    (select count(*)::int from messages where role = 'user') as received,
    (select count(*)::int from runs where status in ('queued', 'in_progress', 'requires_action')) as open,
    (select count(*)::int from replies where status in ('pending', 'partial')) as undelivered`,
  );
  if (!left) throw new Error("a select of counts returned no row");
  return { ...left, asked: people.questions.length, pendingUpdates: telegram.pendingUpdates().length };
}

async function record(presenter: Stage, gaveUpBecause: string | null): Promise<Recording> {
  const { people, telegram, model, lines, database, slots, disturbances, telegramCalls } = presenter;
  const complaints = [
    ...model.refused.map(({ status, message }) => `${status}: ${message}`),
    ...model.unexpected.map((error) => String(error)),
  ];
  return {
    questions: people.questions,
    stops: people.stops,
    disturbances,
    telegramCalls,
    shown: readShown(people.chats),
    modelAsked: lines.asked,
    modelComplaints: complaints,
    ...(await database.readChanges()),
    rows: await database.readRows(),
    pendingUpdates: telegram.pendingUpdates().length,
    crashes: slots.flatMap(({ crashes }) => crashes),
    gaveUpBecause,
  };
}
