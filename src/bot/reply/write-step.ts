/** One write to the chat, recorded in the database, so that no process sends a page twice without knowing it. */
import type { ReplyMeter } from "../../observability/meter.ts";
import type { Slot } from "../budget/send-budget.ts";
import type { TelegramAnswer } from "../telegram/api-errors.ts";
import type { PageToSend, SentPages, Step } from "./pages/page-diff.ts";
import type { ReplyStore, ReplyTransport, SendAnswer } from "./ports.ts";

type EditOrRemove = Exclude<Step, { kind: "send" }>;

/** What a write uses and changes of its reply. */
export interface WriteContext {
  transport: ReplyTransport;
  store: ReplyStore;
  sentPages: SentPages;
  stop: AbortController;
  text: { isFinal(): boolean };
  meter?: ReplyMeter;
}

/** Makes the call of a step, within its slot. @throws {ReplyLostError} if another worker holds the reply. */
export async function writeStep(context: WriteContext, step: Step, slot: Slot): Promise<TelegramAnswer> {
  if (step.kind === "send") {
    await ensureHeld(context, slot, () => recordSending(context));
    const answer = await context.transport.send(step.page);
    endSlot(slot, answer);
    return recordSendAnswer(context, step.page, answer);
  }
  // Interim edits are not worth a query: the next message or the end finds out.
  if (context.text.isFinal()) await ensureHeld(context, slot, context.store.confirm);
  const answer = await editOrRemove(context.transport, step);
  endSlot(slot, answer);
  recordChange(context, step, answer);
  return answer;
}

/** Runs `check`, and gives the slot back if the reply is lost, ended or abandoned. */
async function ensureHeld({ stop }: WriteContext, slot: Slot, check: () => Promise<void>): Promise<void> {
  try {
    await check();
    stop.signal.throwIfAborted();
  } catch (error) {
    slot.giveBack();
    throw error;
  }
}

async function recordSending({ stop, store }: WriteContext): Promise<void> {
  await store.recordSending();
  if (stop.signal.aborted) await store.recordNotSent();
}

/** Ends a slot according to the answer. A held call was never made. */
export function endSlot(slot: Slot, { kind }: SendAnswer): void {
  if (kind === "held") slot.giveBack();
  else slot.end(kind !== "unknown");
}

function editOrRemove(transport: ReplyTransport, step: EditOrRemove): Promise<TelegramAnswer> {
  const { messageId } = step.sent;
  return step.kind === "edit" ? transport.edit(messageId, step.page) : transport.remove(messageId);
}

async function recordSendAnswer(
  { meter, sentPages, store }: WriteContext,
  page: PageToSend,
  answer: SendAnswer,
): Promise<TelegramAnswer> {
  if (answer.kind === "sent") {
    sentPages.recordSend(answer.messageId, page);
    await store.savePages(sentPages.messageIds());
    return { kind: "done" };
  }
  // If it may have been sent, it stays recorded as in flight: the next send counts it.
  if (answer.kind === "unknown" && answer.mayBeDone) meter?.messageMaybeDuplicated();
  else await store.recordNotSent();
  return answer;
}

function recordChange({ sentPages }: WriteContext, step: EditOrRemove, answer: TelegramAnswer): void {
  if (answer.kind === "done" && step.kind === "edit") sentPages.recordEdit(step.sent, step.page);
  if (answer.kind === "message-gone" || (answer.kind === "done" && step.kind === "remove")) step.sent.isGone = true;
}
