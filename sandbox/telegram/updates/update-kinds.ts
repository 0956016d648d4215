/** The kinds of updates of Bot API 10.3, and which of them a bot receives. */
import type { Update } from "@grammyjs/types";

export type UpdateKind = Exclude<keyof Update, "update_id">;

/** All kinds, so that a misspelt kind in `allowed_updates` is refused. */
export const UPDATE_KINDS = [
  "message",
  "edited_message",
  "channel_post",
  "edited_channel_post",
  "business_connection",
  "business_message",
  "edited_business_message",
  "deleted_business_messages",
  "guest_message",
  "stopped_message_generation",
  "message_reaction",
  "message_reaction_count",
  "inline_query",
  "chosen_inline_result",
  "callback_query",
  "shipping_query",
  "pre_checkout_query",
  "purchased_paid_media",
  "poll",
  "poll_answer",
  "my_chat_member",
  "chat_member",
  "chat_join_request",
  "chat_boost",
  "removed_chat_boost",
  "managed_bot",
  "subscription",
] as const satisfies readonly UpdateKind[];

/** Sent only if named in `allowed_updates`. */
const ON_REQUEST: ReadonlySet<string> = new Set(["chat_member", "message_reaction", "message_reaction_count"]);

/** An empty list means the default: all kinds except those in `ON_REQUEST`. */
export function isAllowed(update: Omit<Update, "update_id">, allowed: readonly UpdateKind[]): boolean {
  return Object.keys(update).every((kind) => {
    return allowed.length === 0 ? !ON_REQUEST.has(kind) : allowed.some((name) => name === kind);
  });
}
