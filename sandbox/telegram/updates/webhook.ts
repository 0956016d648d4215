/**
 * Delivers updates to a webhook: up to `max_connections` POSTs at once, one queue per chat, each update retried until it is
 * answered with 2xx.
 *
 * As in Telegram's server, callback queries are queued by person, not by chat, and a queue that waits for a retry uses no
 * connection. Telegram would also execute a method in the response body; the stand-in ignores it.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Update, WebhookInfo } from "@grammyjs/types";
import { toUnixTime } from "../world/world.ts";

export interface WebhookTarget {
  url: string;
  secretToken?: string | undefined;
  maxConnections?: number | undefined;
}

export interface Webhook {
  /** Starts delivering to `target`, or stops delivering. */
  set(target: WebhookTarget | undefined): void;
  target(): WebhookTarget | undefined;
  /** Starts deliveries of queued updates. */
  wake(): void;
  info(): WebhookInfo;
}

export interface WebhookDependencies {
  /** The unconfirmed updates, oldest first. */
  pending: () => readonly Update[];
  confirm: (update: Update) => void;
  now: () => number;
  retryMs: number;
}

interface Delivery {
  target: WebhookTarget;
  stop: AbortController;
  /** Queues whose oldest update is being delivered or waits for its retry. */
  busy: Set<string>;
  /** The next retry delay of each queue whose oldest update failed. */
  retryDelayMs: Map<string, number>;
  /** Number of POSTs in progress. */
  connections: number;
  lastError: { atMs: number; message: string } | undefined;
}

const DEFAULT_MAX_CONNECTIONS = 40;
const MAX_RETRY_DELAY_MS = 5_000;
const ANSWER_TIMEOUT_MS = 60_000;

export function createWebhook(dependencies: WebhookDependencies): Webhook {
  let delivery: Delivery | undefined;
  const wake = () => {
    if (delivery) deliverAll(delivery, dependencies);
  };
  return {
    wake,
    target: () => delivery?.target,
    set(target) {
      delivery?.stop.abort();
      delivery = target && {
        target,
        stop: new AbortController(),
        busy: new Set(),
        retryDelayMs: new Map(),
        connections: 0,
        lastError: undefined,
      };
      wake();
    },
    info: () => ({
      url: delivery?.target.url ?? "",
      has_custom_certificate: false,
      pending_update_count: 0,
      ...(delivery && { max_connections: maxConnections(delivery.target) }),
      ...(delivery?.lastError && {
        last_error_date: toUnixTime(delivery.lastError.atMs),
        last_error_message: delivery.lastError.message,
      }),
    }),
  };
}

/** Delivers the oldest update of each idle queue, up to `max_connections` at once. */
function deliverAll(delivery: Delivery, dependencies: WebhookDependencies): void {
  for (const update of dependencies.pending()) {
    if (delivery.stop.signal.aborted || delivery.connections >= maxConnections(delivery.target)) return;
    const queue = queueOf(update);
    if (delivery.busy.has(queue)) continue;
    delivery.busy.add(queue);
    // Never rejects: a failed delivery is recorded in `lastError`.
    void deliverNext(update, queue, { delivery, dependencies });
  }
}

/** Makes one attempt. Then the queue is idle again, after a delay if the attempt failed. */
async function deliverNext(
  update: Update,
  queue: string,
  { delivery, dependencies }: { delivery: Delivery; dependencies: WebhookDependencies },
): Promise<void> {
  const { confirm, now, retryMs } = dependencies;
  delivery.connections += 1;
  const failure = await deliver(update, delivery);
  delivery.connections -= 1;
  if (delivery.stop.signal.aborted) return;
  if (failure === undefined) {
    delivery.retryDelayMs.delete(queue);
    confirm(update);
  } else {
    delivery.lastError = { atMs: now(), message: failure };
    deliverAll(delivery, dependencies);
    const delayMs = delivery.retryDelayMs.get(queue) ?? retryMs;
    delivery.retryDelayMs.set(queue, Math.min(delayMs * 2, MAX_RETRY_DELAY_MS));
    await delay(delayMs, delivery.stop.signal);
  }
  delivery.busy.delete(queue);
  deliverAll(delivery, dependencies);
}

function queueOf({ callback_query: press, ...update }: Update): string {
  if (press) return `person ${press.from.id}`;
  const [content] = Object.values(update).filter((value) => typeof value === "object" && "chat" in value);
  return `chat ${content?.chat?.id}`;
}

function maxConnections(target: WebhookTarget): number {
  return target.maxConnections ?? DEFAULT_MAX_CONNECTIONS;
}

/** Posts one update. Returns the reason of a failure, or undefined after a 2xx. */
async function deliver(update: Update, { target, stop }: Delivery): Promise<string | undefined> {
  const headers = new Headers({ "content-type": "application/json" });
  if (target.secretToken !== undefined) headers.set("x-telegram-bot-api-secret-token", target.secretToken);
  const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
  try {
    const response = await fetch(target.url, { method: "POST", headers, body: JSON.stringify(update), signal });
    await response.body?.cancel();
    return response.ok ? undefined : `Wrong response from the webhook: ${response.status} ${response.statusText}`;
  } catch (error) {
    return `Connection failed: ${error instanceof Error ? error.message : String(error)}`;
  }
}

async function delay(ms: number, signal: AbortSignal): Promise<void> {
  // Rejects only after the webhook was removed; the following code works in that case too.
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
