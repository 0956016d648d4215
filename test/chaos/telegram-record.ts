/** Records every call to the Telegram stand-in with its slot and outcome. The stand-in's own call log is bounded. */
import type { Message } from "@grammyjs/types";
import type { TelegramStandIn } from "../../sandbox/telegram/stand-in.ts";
import type { CallOutcome, RecordedCall } from "../../sandbox/telegram/world/call-log.ts";
import type { StandInChat } from "../../sandbox/telegram/world/chat.ts";
import { findQuestionId } from "./answers.ts";
import type { ShownMessage, TelegramCall } from "./recording.ts";

/** Calls that have nothing to do with replies; recording them would only use memory. */
const IGNORED_METHODS = new Set(["getUpdates", "getMe", "deleteWebhook", "setMyCommands", "answerCallbackQuery"]);

/** Records all calls from now on. `slotOf` maps a `Host` header to the slot whose proxy has this address. */
export function recordTelegramCalls(telegram: TelegramStandIn, slotOf: (host: string) => string): TelegramCall[] {
  const calls: TelegramCall[] = [];
  const open = new Map<number, TelegramCall>();
  telegram.onChange((change) => {
    if (change.kind === "message-new") assignMessage(open, change.chatId, change.message);
    if (change.kind === "call-start" && !IGNORED_METHODS.has(change.call.method)) {
      const call = begin(change.call, slotOf);
      calls.push(call);
      open.set(call.number, call);
    }
    if (change.kind !== "call-end") return;
    const call = open.get(change.call.id);
    open.delete(change.call.id);
    if (call) Object.assign(call, { endedAtMs: change.atMs, ...endOf(change.call.outcome, call) });
  });
  return calls;
}

/** The bot's current messages in these chats. */
export function readShown(chats: readonly StandInChat[]): ShownMessage[] {
  return chats.flatMap((chat) =>
    chat.botMessages().map((message) => ({
      chatId: chat.id,
      topicId: message.is_topic_message ? (message.message_thread_id ?? null) : null,
      messageId: message.message_id,
      text: message.text ?? "",
      buttons: (message.reply_markup?.inline_keyboard.flat() ?? []).flatMap((button) =>
        "callback_data" in button ? [button.callback_data] : [],
      ),
    })),
  );
}

function begin({ id, method, params, chatId, host, startedAtMs }: RecordedCall, slotOf: (host: string) => string) {
  const call: TelegramCall = {
    number: id,
    slot: slotOf(host),
    method,
    chatId,
    messageId: typeof params.message_id === "number" ? params.message_id : undefined,
    questionId: typeof params.text === "string" ? findQuestionId(params.text) : undefined,
    runId: /"callback_data":"[^"]*?([\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})/.exec(
      JSON.stringify(params.reply_markup ?? ""),
    )?.[1],
    startedAtMs,
    endedAtMs: Number.POSITIVE_INFINITY,
    outcome: "open",
    retryAfterSeconds: undefined,
  };
  return call;
}

/** Stores the id of a new message in its call, which is still open. The response with this id may be lost. */
function assignMessage(open: ReadonlyMap<number, TelegramCall>, chatId: number, message: Message): void {
  if (!message.from?.is_bot) return;
  const questionId = findQuestionId(message.text ?? "");
  for (const call of open.values()) {
    const isSend = call.method === "sendMessage" && call.messageId === undefined;
    if (isSend && call.questionId === questionId && call.chatId === chatId) {
      call.messageId = message.message_id;
      return;
    }
  }
}

function endOf(outcome: CallOutcome | undefined, call: TelegramCall): Partial<TelegramCall> {
  switch (outcome?.kind) {
    case "ok":
      return { outcome: "ok" };
    case "refused":
      return { outcome: "refused", retryAfterSeconds: outcome.parameters?.retry_after };
    case "dropped":
      return { outcome: outcome.applied ? "lost" : "failed" };
    case "abandoned":
      return { outcome: call.method !== "sendMessage" || call.messageId !== undefined ? "lost" : "failed" };
    default:
      return { outcome: "failed" };
  }
}
