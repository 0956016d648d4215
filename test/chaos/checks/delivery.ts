/**
 * Delivery: every final text stands complete in its chat, each page once, without a button, in the order of the questions.
 *
 * A message too many is allowed in one case only, and counted: it was sent, and before its number could be stored its answer
 * was lost, or something was done to the process that sent it.
 */
import { findQuestionId, wholeAnswer, withoutLayout } from "../answers.ts";
import { type Answered, type Findings, placeKey, type Violation } from "../indexed-recording.ts";
import type { ShownMessage, TelegramCall } from "../recording.ts";
import { isOwnSentence } from "./system-messages.ts";

export interface DeliveryFindings {
  readonly violations: readonly Violation[];
  /** Messages that stand twice in the counted case. */
  readonly doubled: number;
  /** Questions whose reply is not complete in the chat. */
  readonly lost: number;
}

/** How long after Telegram's answer the number of a message may be stored, in milliseconds. */
const STORING_MS = 5_000;
/** How long a call may be on its way to Telegram before it arrives there, on a machine that is busy, in milliseconds. */
const ON_ITS_WAY_MS = 500;

export function checkDelivery(findings: Findings): DeliveryFindings {
  const shown = new Map(
    findings.recording.shown.map((message) => [placeKey(message.chatId, message.messageId), message]),
  );
  const complete = findings.answered.flatMap((answered) => [...checkReply(answered, shown)]);
  const surplus = checkSurplus(findings);
  const lost = new Set(complete.filter(({ check }) => LOSSES.has(check)).map(({ subject }) => subject));
  return {
    violations: [...complete, ...checkOrder(findings, shown), ...surplus.violations],
    doubled: surplus.doubled,
    lost: lost.size,
  };
}

const LOSSES = new Set(["reply-missing", "reply-not-delivered", "final-incomplete", "answer-altered"]);

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
  const whole = withoutLayout(wholeAnswer(spec));
  const said = withoutLayout(plain(reply.finalText ?? ""));
  const isWhole = run.status === "completed" ? said === whole : beginsAlike(said, whole);
  if (!isWhole) yield { check: "answer-altered", subject, detail: `the final text is ${quote(said)}` };
  const pages = pagesOf(answered, shown);
  const read = withoutLayout(pages.map((page) => page?.text ?? "").join(" "));
  if (read !== said) {
    const detail = `${pages.length} pages say ${quote(read)} instead of ${quote(said)}`;
    yield { check: "final-incomplete", subject, detail };
  }
  yield* checkButtons(answered, pages);
}

/** At the end there is no button but the one beneath a failed answer that asks again. */
function* checkButtons({ subject, run }: Answered, pages: readonly (ShownMessage | undefined)[]): Generator<Violation> {
  const buttons = pages.flatMap((page) => page?.buttons ?? []);
  const retry = `retry:${run.id}`;
  const isLeft = buttons.some((button) => button !== retry) || (run.status !== "failed" && buttons.length > 0);
  if (isLeft) yield { check: "button-left", subject, detail: `${run.status}: ${buttons.join(",")}` };
  if (run.errorCode === "TOO_MANY_ATTEMPTS" && !buttons.includes(retry)) {
    yield { check: "retry-missing", subject, detail: buttons.join(",") };
  }
}

/** A run that did not complete says what it had, up to somewhere, and then a sentence of the bot's own. */
function beginsAlike(said: string, whole: string): boolean {
  let common = 0;
  while (common < said.length && said[common] === whole[common]) common += 1;
  const rest = said.slice(common);
  return isOwnSentence(rest.trim()) || isOwnSentence(said);
}

/** The bot's own sentences stand in italics; there is no other Markdown in what our model says. */
function plain(markdown: string): string {
  return markdown.replaceAll("_", "");
}

function quote(text: string): string {
  return text.length <= 160 ? `"${text}"` : `"${text.slice(0, 80)} ... ${text.slice(-70)}" (${text.length})`;
}

function* checkOrder({ answered }: Findings, shown: Shown): Generator<Violation> {
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
        yield { check: "reply-order", subject, detail: `stands before ${last.subject} in ${place}` };
      }
      last = { messageId: ids.at(-1) ?? first, subject };
    }
  }
}

/** Messages of the bot that belong to no reply as it is stored. */
function checkSurplus(findings: Findings): { violations: Violation[]; doubled: number } {
  const { recording, answered } = findings;
  const kept = new Set(
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
  const doubled: Answered[] = [];
  for (const message of recording.shown) {
    const key = placeKey(message.chatId, message.messageId);
    const call = senders.get(key);
    if (kept.has(key) || isOwnSentence(message.text)) continue;
    const owner = call && ownerOf(call, findings);
    if (owner && !everStored.has(key) && mayBeDoubled(call, findings)) doubled.push(owner);
    else violations.push(surplusOf(message, call, everStored.has(key)));
  }
  return { violations: [...violations, ...checkCounted(doubled)], doubled: doubled.length };
}

function ownerOf({ questionId, runId }: TelegramCall, { byQuestion, byRun }: Findings): Answered | undefined {
  return questionId === undefined ? byRun.get(runId ?? "") : byQuestion.get(questionId);
}

/** The product has to know of each: an admin is to see that a message may stand twice. */
function* checkCounted(doubled: readonly Answered[]): Generator<Violation> {
  for (const [{ subject, reply }, messages] of Map.groupBy(doubled, (owner) => owner)) {
    const counted = reply?.resentCount ?? 0;
    if (counted >= messages.length) continue;
    const detail = `${messages.length} messages stand twice, the product counted ${counted}`;
    yield { check: "doubled-uncounted", subject, detail };
  }
}

/** A shutdown in good order and a slow border explain nothing: a process has time to store what it sent. */
function mayBeDoubled(call: TelegramCall, { recording }: Findings): boolean {
  const mayLose = recording.disturbances.filter(
    ({ kind, border, slot }) =>
      slot === call.slot && kind !== "terminate" && kind !== "delay" && border !== "model" && border !== "webhook",
  );
  return (
    call.outcome !== "ok" ||
    mayLose.some(
      ({ fromMs, untilMs }) => fromMs <= call.endedAtMs + STORING_MS && untilMs >= call.startedAtMs - ON_ITS_WAY_MS,
    )
  );
}

function surplusOf(message: ShownMessage, call: TelegramCall | undefined, wasStored: boolean): Violation {
  const subject = `q${findQuestionId(message.text) ?? call?.questionId ?? call?.runId ?? "?"}`;
  const why = wasStored ? "its number had been stored, and it was not removed" : "nothing explains it";
  const sentBy = call ? `sent by ${call.slot}, ${call.outcome}` : "sent by nobody we know";
  return {
    check: "message-surplus",
    subject,
    detail: `${message.messageId} (${sentBy}): ${why}: ${quote(message.text)}`,
  };
}
