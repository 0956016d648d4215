/**
 * Delivery of updates to a webhook: up to `max_connections` POSTs at once, one queue for each chat, each update repeated
 * until it is answered with 2xx.
 *
 * As in Telegram's own server a pressed button waits in a queue of its person, not of its chat, and a queue that pauses
 * after a failure takes up no connection. A method in the answer's body, which the real one would carry out, is ignored.
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
  /** Says that there is something to deliver. */
  wake(): void;
  info(): WebhookInfo;
}

export interface WebhookDependencies {
  /** The updates that are not confirmed, oldest first. */
  pending: () => readonly Update[];
  confirm: (update: Update) => void;
  now: () => number;
  retryMs: number;
}

interface Delivery {
  target: WebhookTarget;
  stop: AbortController;
  /** Queues with an update that is on its way, or pauses after a failure: what is behind it waits. */
  busy: Set<string>;
  /** The next pause of each queue whose oldest update failed. */
  pauseMs: Map<string, number>;
  /** POSTs that wait for their answer. */
  connections: number;
  lastError: { atMs: number; message: string } | undefined;
}

const DEFAULT_MAX_CONNECTIONS = 40;
const LONGEST_RETRY_MS = 5_000;
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
        pauseMs: new Map(),
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

/** Begins to deliver the oldest update of every queue that is free, as far as there are connections. */
function deliverAll(delivery: Delivery, dependencies: WebhookDependencies): void {
  for (const update of dependencies.pending()) {
    if (delivery.stop.signal.aborted || delivery.connections >= maxConnections(delivery.target)) return;
    const queue = queueOf(update);
    if (delivery.busy.has(queue)) continue;
    delivery.busy.add(queue);
    // What goes wrong with one delivery is kept in `lastError`; nothing here rejects.
    void deliverNext(update, queue, { delivery, dependencies });
  }
}

/** One try; then the queue is free again, after a pause when it failed. */
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
    delivery.pauseMs.delete(queue);
    confirm(update);
  } else {
    delivery.lastError = { atMs: now(), message: failure };
    deliverAll(delivery, dependencies);
    const pauseMs = delivery.pauseMs.get(queue) ?? retryMs;
    delivery.pauseMs.set(queue, Math.min(pauseMs * 2, LONGEST_RETRY_MS));
    await pause(pauseMs, delivery.stop.signal);
  }
  delivery.busy.delete(queue);
  deliverAll(delivery, dependencies);
}

function queueOf({ callback_query: press, ...update }: Update): string {
  if (press) return `person ${press.from.id}`;
  const [about] = Object.values(update).filter((value) => typeof value === "object" && "chat" in value);
  return `chat ${about?.chat?.id}`;
}

function maxConnections(target: WebhookTarget): number {
  return target.maxConnections ?? DEFAULT_MAX_CONNECTIONS;
}

/** Why it failed, in words, or undefined when it was answered with 2xx. */
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

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  // Rejects only when the webhook was removed meanwhile, which the caller looks at next.
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
