/**
 * Delivery of updates to a webhook: one POST after the other, each repeated until it is answered with 2xx.
 *
 * The real Bot API opens up to `max_connections` at once and keeps the order within a chat; here it is one at a time. A
 * method in the answer's body, which the real one would carry out, is ignored.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Update, WebhookInfo } from "@grammyjs/types";
import { toUnixTime } from "./world.ts";

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
  /** The oldest update that is not delivered, if there is one. */
  next: () => Update | undefined;
  confirm: (update: Update) => void;
  now: () => number;
  retryMs: number;
}

interface Delivery {
  target: WebhookTarget;
  stop: AbortController;
  isRunning: boolean;
  lastError: { atMs: number; message: string } | undefined;
}

const LONGEST_RETRY_MS = 5_000;
const ANSWER_TIMEOUT_MS = 60_000;

export function createWebhook(dependencies: WebhookDependencies): Webhook {
  let delivery: Delivery | undefined;
  const wake = () => {
    // What goes wrong with one delivery is kept in `lastError`; the loop itself does not reject.
    if (delivery && !delivery.isRunning) void deliverAll(delivery, dependencies);
  };
  return {
    wake,
    target: () => delivery?.target,
    set(target) {
      delivery?.stop.abort();
      delivery = target && { target, stop: new AbortController(), isRunning: false, lastError: undefined };
      wake();
    },
    info: () => ({
      url: delivery?.target.url ?? "",
      has_custom_certificate: false,
      pending_update_count: 0,
      ...(delivery && { max_connections: delivery.target.maxConnections ?? 40 }),
      ...(delivery?.lastError && {
        last_error_date: toUnixTime(delivery.lastError.atMs),
        last_error_message: delivery.lastError.message,
      }),
    }),
  };
}

async function deliverAll(delivery: Delivery, { next, confirm, now, retryMs }: WebhookDependencies): Promise<void> {
  delivery.isRunning = true;
  let pauseMs = retryMs;
  for (let update = next(); update && !delivery.stop.signal.aborted; update = next()) {
    const failure = await deliver(update, delivery);
    if (delivery.stop.signal.aborted) break;
    if (failure === undefined) {
      pauseMs = retryMs;
      confirm(update);
      continue;
    }
    delivery.lastError = { atMs: now(), message: failure };
    await pause(pauseMs, delivery.stop.signal);
    pauseMs = Math.min(pauseMs * 2, LONGEST_RETRY_MS);
  }
  delivery.isRunning = false;
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
