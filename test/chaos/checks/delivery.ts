/**
 * Checks delivery: every final text is complete in its chat, each page once, without buttons, in the order of the questions.
 *
 * A duplicate message is allowed and counted in one case only: before its id could be stored, Telegram's response was lost or
 * the sending process was disturbed.
 */
import { completeAnswer, findQuestionId, normalizeSpace } from "../answers.ts";
import { type Answered, type IndexedRecording, placeKey, type Violation } from "../indexed-recording.ts";
import type { ShownMessage, TelegramCall } from "../recording.ts";
import { isSystemMessage } from "./system-messages.ts";

export interface DeliveryResult {
  readonly violations: readonly Violation[];
  /** Number of allowed duplicate messages. */
  readonly duplicates: number;
  /** Number of questions whose reply is incomplete in the chat. */
  readonly lost: number;
}

/** Time after Telegram's response in which the id of a message may be stored, in milliseconds. */
const STORE_LIMIT_MS = 5_000;
/** Time that a call may take to reach Telegram on a busy machine, in milliseconds. */
const IN_FLIGHT_MS = 500;

export function checkDelivery(indexed: IndexedRecording): DeliveryResult {
  const shown = new Map(
    indexed.recording.shown.map((message) => [placeKey(message.chatId, message.messageId), message]),
  );
  const replies = indexed.answered.flatMap((answered) => [...checkReply(answered, shown)]);
  const extra = checkExtraMessages(indexed);
  const lost = new Set(replies.filter(({ check }) => LOSSES.has(check)).map(({ subject }) => subject));
  return {
    violations: [...replies, ...checkOrder(indexed, shown), ...extra.violations],
    duplicates: extra.duplicates,
    lost: lost.size,
  };
}

const LOSSES = new Set(["reply-missing", "reply-not-delivered", "reply-incomplete", "answer-changed"]);

type Shown = ReadonlyMap<string, ShownMessage>;

function pagesOf({ question, reply }: Answered, shown: Shown): (ShownMessage | undefined)[] {
  return (reply?.messageIds ?? []).map((id) => shown.get(placeKey(question.chatId, id)));
}

function* checkReply(answered: Answered, shown: Shown): Generator<Violation> {
  const { subject, reply, run, spec } = answered;
  if (!reply) return yield { check: "reply-missing", subject, detail: "no reply in the database" };
  if (run.status === "cancelled" && reply.finalText === null) return;
  if (reply.status !== "delivered") {
    return yield { check: "reply-not-delivered", subject, detail: `${reply.status} ${reply.error ?? ""}` };
  }
  const expected = normalizeSpace(completeAnswer(spec));
  const stored = normalizeSpace(toPlainText(reply.finalText ?? ""));
  const isExpected = run.status === "completed" ? stored === expected : isPartialAnswer(stored, expected);
  if (!isExpected) yield { check: "answer-changed", subject, detail: `the final text is ${quote(stored)}` };
  const pages = pagesOf(answered, shown);
  const visible = normalizeSpace(pages.map((page) => page?.text ?? "").join(" "));
  if (visible !== stored) {
    const detail = `${pages.length} pages show ${quote(visible)} instead of ${quote(stored)}`;
    yield { check: "reply-incomplete", subject, detail };
  }
  yield* checkButtons(answered, pages);
}

/** At the end the only allowed button is the retry button under a failed answer. */
function* checkButtons({ subject, run }: Answered, pages: readonly (ShownMessage | undefined)[]): Generator<Violation> {
  const buttons = pages.flatMap((page) => page?.buttons ?? []);
  const retry = `retry:${run.id}`;
  const hasOther = buttons.some((button) => button !== retry) || (run.status !== "failed" && buttons.length > 0);
  if (hasOther) yield { check: "leftover-button", subject, detail: `${run.status}: ${buttons.join(",")}` };
  if (run.errorCode === "TOO_MANY_ATTEMPTS" && !buttons.includes(retry)) {
    yield { check: "retry-missing", subject, detail: buttons.join(",") };
  }
}

/** The text of an incomplete run: a prefix of the expected answer, then a message of the bot itself. */
function isPartialAnswer(stored: string, expected: string): boolean {
  let common = 0;
  while (common < stored.length && stored[common] === expected[common]) common += 1;
  const rest = stored.slice(common);
  return isSystemMessage(rest.trim()) || isSystemMessage(stored);
}

/** The bot's own messages are in italics; the scripted model uses no Markdown. */
function toPlainText(markdown: string): string {
  return markdown.replaceAll("_", "");
}

function quote(text: string): string {
  return text.length <= 160 ? `"${text}"` : `"${text.slice(0, 80)} ... ${text.slice(-70)}" (${text.length})`;
}

function* checkOrder({ answered }: IndexedRecording, shown: Shown): Generator<Violation> {
  const places = Map.groupBy(answered, ({ question }) => `${question.chatId}:${question.topicId}`);
  for (const [place, replies] of places) {
    const inOrder = replies.toSorted((one, other) => one.question.messageId - other.question.messageId);
    let last = { messageId: 0, subject: "" };
    for (const reply of inOrder) {
      const ids = pagesOf(reply, shown).flatMap((page) => (page ? [page.messageId] : []));
      const { subject } = reply;
      if (ids.some((id, index) => index > 0 && id < (ids[index - 1] ?? 0))) {
        yield { check: "page-order", subject, detail: ids.join(",") };
      }
      const first = ids[0];
      if (first === undefined) continue;
      if (first < last.messageId) {
        yield { check: "reply-order", subject, detail: `is before ${last.subject} in ${place}` };
      }
      last = { messageId: ids.at(-1) ?? first, subject };
    }
  }
}

/** Finds messages of the bot that belong to no stored reply. */
function checkExtraMessages(indexed: IndexedRecording): { violations: Violation[]; duplicates: number } {
  const { recording, answered } = indexed;
  const stored = new Set(
    answered.flatMap(({ question, reply }) => (reply?.messageIds ?? []).map((id) => placeKey(question.chatId, id))),
  );
  const senders = new Map(
    recording.telegramCalls
      .filter(({ method, messageId }) => method === "sendMessage" && messageId !== undefined)
      .map((call) => [placeKey(call.chatId ?? 0, call.messageId), call] as const),
  );
  const everStored = new Set(
    answered.flatMap(({ question, replyChanges }) =>
      replyChanges.flatMap(({ messageIds }) => messageIds.map((id) => placeKey(question.chatId, id))),
    ),
  );
  const violations: Violation[] = [];
  const duplicates: Answered[] = [];
  for (const message of recording.shown) {
    const key = placeKey(message.chatId, message.messageId);
    const call = senders.get(key);
    if (stored.has(key) || isSystemMessage(message.text)) continue;
    const owner = call && ownerOf(call, indexed);
    if (owner && !everStored.has(key) && isAllowedDuplicate(call, indexed)) duplicates.push(owner);
    else violations.push(describeExtra(message, call, everStored.has(key)));
  }
  return { violations: [...violations, ...checkDuplicateCounts(duplicates)], duplicates: duplicates.length };
}

function ownerOf({ questionId, runId }: TelegramCall, { byQuestion, byRun }: IndexedRecording): Answered | undefined {
  return questionId === undefined ? byRun.get(runId ?? "") : byQuestion.get(questionId);
}

/** The product must count every duplicate, so that an admin sees that a message may have been sent twice. */
function* checkDuplicateCounts(duplicates: readonly Answered[]): Generator<Violation> {
  for (const [{ subject, reply }, messages] of Map.groupBy(duplicates, (owner) => owner)) {
    const counted = reply?.resentCount ?? 0;
    if (counted >= messages.length) continue;
    const detail = `${messages.length} duplicate messages, but the product counted ${counted}`;
    yield { check: "duplicate-uncounted", subject, detail };
  }
}

/** A clean shutdown and a slow link are no excuse: the process still has time to store the id. */
function isAllowedDuplicate(call: TelegramCall, { recording }: IndexedRecording): boolean {
  const relevant = recording.disturbances.filter(
    ({ kind, link, slot }) =>
      slot === call.slot && kind !== "terminate" && kind !== "delay" && link !== "model" && link !== "webhook",
  );
  return (
    call.outcome !== "ok" ||
    relevant.some(
      ({ fromMs, untilMs }) => fromMs <= call.endedAtMs + STORE_LIMIT_MS && untilMs >= call.startedAtMs - IN_FLIGHT_MS,
    )
  );
}

function describeExtra(message: ShownMessage, call: TelegramCall | undefined, wasStored: boolean): Violation {
  const subject = `q${findQuestionId(message.text) ?? call?.questionId ?? call?.runId ?? "?"}`;
  const why = wasStored ? "its id had been stored, but it was not deleted" : "no disturbance explains it";
  const sentBy = call ? `sent by ${call.slot}, ${call.outcome}` : "sender unknown";
  return {
    check: "extra-message",
    subject,
    detail: `${message.messageId} (${sentBy}): ${why}: ${quote(message.text)}`,
  };
}
