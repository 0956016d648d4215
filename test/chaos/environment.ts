/** The environment of a chaos run: the stand-ins in this process, the observed database, and three processes behind proxies. */
import { join } from "node:path";
import { createModelStandIn, type ModelStandIn } from "../../sandbox/model/model-stand-in.ts";
import { createTelegramStandIn, type TelegramStandIn } from "../../sandbox/telegram/stand-in.ts";
import type { SocketServer } from "../../src/db/client.ts";
import { startBalancer } from "./balancer.ts";
import { type ObservedDatabase, observeDatabase } from "./observed-database.ts";
import { createPeople, type People } from "./people.ts";
import { type Plan, SLOTS } from "./plan.ts";
import { type Slot, type SlotOptions, startSlot } from "./processes.ts";
import type { Disturbance, Link, TelegramCall } from "./recording.ts";
import { createScriptedModel, type ScriptedModel } from "./scripted-model.ts";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";
import { recordTelegramCalls } from "./telegram-record.ts";

/** A migrated, empty database on a server with a Unix socket. */
export type SocketTarget = SocketServer & { readonly database: string };

export interface Environment {
  readonly telegram: TelegramStandIn;
  readonly model: ModelStandIn;
  readonly script: ScriptedModel;
  readonly database: ObservedDatabase;
  readonly people: People;
  readonly slots: readonly Slot[];
  readonly disturbances: Disturbance[];
  readonly telegramCalls: readonly TelegramCall[];
  close(): Promise<void>;
}

const BOT_TOKEN = "4242:chaos-token-of-the-local-stand-in";
const ADMIN_TOKEN = "an-admin-token-for-chaos-of-forty-characters";
/** Round-trip time, so that a kill can interrupt a call in flight. */
const TELEGRAM_LATENCY_MS = 30;

export async function startEnvironment(plan: Plan, target: SocketTarget, folder: string): Promise<Environment> {
  const slotByAddress = new Map<string, string>();
  const slotOf = (host: string) => slotByAddress.get(host) ?? "unknown";
  const telegram = await createTelegramStandIn({ token: BOT_TOKEN, latencyMs: TELEGRAM_LATENCY_MS });
  const script = createScriptedModel(plan.modelFaults, slotOf);
  const model = await createModelStandIn({ answer: script.answer });
  const database = await observeDatabase(target, SLOTS);
  const people = createPeople(telegram, plan.options);
  const telegramCalls = recordTelegramCalls(telegram, slotOf);
  const disturbances: Disturbance[] = [];
  const started: StartedSlot[] = [];
  const balancer = await startBalancer(() => started);
  const env = {
    OWNER_TELEGRAM_IDS: people.telegramIds.join(","),
    ADMIN_TOKEN,
    LOG_LEVEL: "info",
    ...(plan.options.intake === "webhook" && {
      TELEGRAM_WEBHOOK_URL: `http://127.0.0.1:${balancer.port}/telegram/webhook`,
    }),
  };
  for (const name of SLOTS) {
    const databaseUrl = `postgres://${database.roleOf(name)}@127.0.0.1/${target.database}`;
    const options = { name, env, databaseUrl, botToken: BOT_TOKEN, folder, disturbances };
    const slot = await startSlotBehindLinks(options, { target, telegram, model });
    for (const { port } of [slot.links.telegram, slot.links.model]) slotByAddress.set(`127.0.0.1:${port}`, name);
    started.push(slot);
  }
  return {
    ...{ telegram, model, script, database, people, disturbances, telegramCalls },
    slots: started.map(({ slot }) => slot),
    async close() {
      await Promise.all(started.map(({ slot }) => slot.stop()));
      const proxies = [balancer, ...started.flatMap(({ links }) => Object.values(links))];
      await Promise.all(proxies.map((proxy) => proxy.close()));
      await model.close();
      await telegram.close();
      await database.close();
    },
  };
}

interface StartedSlot {
  readonly slot: Slot;
  readonly links: Record<Link, TcpProxy>;
  readonly webhook: TcpProxy;
}

interface Upstreams {
  readonly target: SocketTarget;
  readonly telegram: TelegramStandIn;
  readonly model: ModelStandIn;
}

async function startSlotBehindLinks(
  options: Omit<SlotOptions, "proxies" | "httpPort">,
  upstreams: Upstreams,
): Promise<StartedSlot> {
  const httpPort = await findFreePort();
  const links = await startLinks(upstreams, httpPort);
  return { slot: startSlot({ ...options, proxies: links, httpPort }), links, webhook: links.webhook };
}

async function startLinks({ target, telegram, model }: Upstreams, httpPort: number): Promise<Record<Link, TcpProxy>> {
  const at = (address: string) => () => ({ port: Number(new URL(address).port) });
  return {
    database: await startTcpProxy(() => ({ path: join(target.socketDir, ".s.PGSQL.5432") })),
    telegram: await startTcpProxy(at(telegram.apiRoot)),
    model: await startTcpProxy(at(model.url)),
    webhook: await startTcpProxy(() => ({ port: httpPort })),
  };
}

/** A fixed port for all processes of a slot, so that the proxy's target stays the same. */
async function findFreePort(): Promise<number> {
  const probe = await startTcpProxy(() => undefined);
  await probe.close();
  return probe.port;
}
