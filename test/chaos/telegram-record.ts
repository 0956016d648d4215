/** Writes down every call at the Telegram stand-in, with who made it and what became of it: its own transcript forgets. */
import type { Message } from "@grammyjs/types";
import type { TelegramStandIn } from "../../sandbox/telegram/stand-in.ts";
import type { StandInChat } from "../../sandbox/telegram/world/chat.ts";
import type { CallOutcome, RecordedCall } from "../../sandbox/telegram/world/call-log.ts";
import { findQuestionId } from "./answers.ts";
import type { ShownMessage, TelegramCall } from "./recording.ts";

/** Calls that tell nothing of a reply: they would only fill the memory. */
const UNINTERESTING = new Set(["getUpdates", "getMe", "deleteWebhook", "setMyCommands", "answerCallbackQuery"]);

/** Begins to write down. `slotOf` says whose proxy has a `Host` header's address. */
export function recordTelegramCalls(telegram: TelegramStandIn, slotOf: (host: string) => string): TelegramCall[] {
  const calls: TelegramCall[] = [];
  const open = new Map<number, TelegramCall>();
  telegram.onChange((change) => {
    if (change.kind === "message-new") nameMessage(open, change.chatId, change.message);
    if (change.kind === "call-start" && !UNINTERESTING.has(change.call.method)) {
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

/** What the chats show now of the bot's messages. */
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

/** A message comes about while its call is open, also when nobody is told its number. */
function nameMessage(open: ReadonlyMap<number, TelegramCall>, chatId: number, message: Message): void {
  if (!message.from?.is_bot) return;
  const questionId = findQuestionId(message.text ?? "");
  for (const call of open.values()) {
    const isIt = call.method === "sendMessage" && call.messageId === undefined && call.questionId === questionId;
    if (isIt && call.chatId === chatId) {
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
