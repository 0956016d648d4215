/**
 * The queue of updates for the bot, read by long polling or delivered to a webhook.
 *
 * Owns update ids and `allowed_updates`, and allows only one reader. An update leaves the queue when it is confirmed: by a
 * higher `offset`, or by a 2xx of the webhook. It does not know what causes updates.
 */
import type { Update, WebhookInfo } from "@grammyjs/types";
import { conflict } from "../refusal.ts";
import type { Changes } from "../world/changes.ts";
import { createLongPoll } from "./long-poll.ts";
import { isAllowed, type UpdateKind } from "./update-kinds.ts";
import { createWebhook, type WebhookTarget } from "./webhook.ts";

interface FetchUpdates {
  offset?: number | undefined;
  limit?: number | undefined;
  timeout?: number | undefined;
  allowed_updates?: UpdateKind[] | undefined;
}

export interface UpdateFeed {
  /** Queues an update if its kind is in `allowed_updates`. */
  push(update: Omit<Update, "update_id">): void;
  /** Queues an update of any kind. */
  pushAny(update: Omit<Update, "update_id">): void;
  /** getUpdates. `signal` aborts when the client disconnects. Throws 409 when another reader is active. */
  fetch(request: FetchUpdates, signal: AbortSignal): Promise<Update[]>;
  /** setWebhook, or deleteWebhook without a target. */
  setWebhook(target: WebhookTarget | undefined, options: WebhookOptions): void;
  webhookInfo(): WebhookInfo;
  /** The unconfirmed updates, oldest first. */
  pending(): Update[];
  close(): void;
}

interface WebhookOptions {
  allowedUpdates?: UpdateKind[] | undefined;
  dropPendingUpdates?: boolean | undefined;
}

export interface UpdateFeedDependencies {
  now: () => number;
  emit: Changes["emit"];
  /** Delay before the first retry of a failed webhook delivery, in milliseconds. */
  webhookRetryMs: number;
  firstUpdateId: number;
}

export function createUpdateFeed({ now, emit, webhookRetryMs, firstUpdateId }: UpdateFeedDependencies): UpdateFeed {
  let queue: Update[] = [];
  let nextUpdateId = firstUpdateId;
  let allowed: readonly UpdateKind[] = [];
  const longPoll = createLongPoll();
  const confirm = (remaining: Update[]) => {
    const isChanged = remaining.length !== queue.length;
    queue = remaining;
    if (isChanged) emit({ kind: "updates-confirmed", atMs: now() });
  };
  const webhook = createWebhook({
    pending: () => queue,
    confirm: (delivered) => confirm(queue.filter((update) => update !== delivered)),
    now,
    retryMs: webhookRetryMs,
  });
  const pushAny = (update: Omit<Update, "update_id">) => {
    queue.push({ ...update, update_id: nextUpdateId });
    nextUpdateId += 1;
    emit({ kind: "update-new", atMs: now() });
    longPoll.wake();
    webhook.wake();
  };
  return {
    push(update) {
      if (isAllowed(update, allowed)) pushAny(update);
    },
    pushAny,
    async fetch(request, signal) {
      if (webhook.target()) throw conflict(WEBHOOK_IS_ACTIVE);
      longPoll.terminate("terminated by other getUpdates request; make sure that only one bot instance is running");
      confirm(unconfirmedFrom(queue, request.offset));
      allowed = request.allowed_updates ?? allowed;
      if (queue.length === 0) await longPoll.wait((request.timeout ?? 0) * 1_000, signal);
      return queue.slice(0, request.limit ?? 100);
    },
    setWebhook(target, options) {
      if (target) longPoll.terminate("terminated by setWebhook request");
      allowed = options.allowedUpdates ?? allowed;
      if (options.dropPendingUpdates) confirm([]);
      webhook.set(target);
    },
    webhookInfo: () => ({
      ...webhook.info(),
      pending_update_count: queue.length,
      ...(allowed.length > 0 && { allowed_updates: [...allowed] }),
    }),
    pending: () => [...queue],
    close() {
      webhook.set(undefined);
      longPoll.close();
    },
  };
}

const WEBHOOK_IS_ACTIVE =
  "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";

/** A negative offset counts from the end of the queue and drops the updates before it. */
function unconfirmedFrom(queue: Update[], offset = 0): Update[] {
  if (offset < 0) return queue.slice(offset);
  return queue.filter((update) => update.update_id >= offset);
}
