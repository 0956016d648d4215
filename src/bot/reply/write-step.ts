/** One write to the chat: made, and noted, so that no process sends the same page again without knowing it. */
import type { ReplyMeter } from "../../observability/meter.ts";
import type { TelegramAnswer } from "../telegram/api-errors.ts";
import type { Slot } from "./budget/send-budget.ts";
import type { PageToSend, ShownPages, Step } from "./pages/page-diff.ts";
import type { ReplyStore, ReplyTransport, SendAnswer } from "./ports.ts";

type Change = Exclude<Step, { kind: "send" }>;

/** What a write needs of its reply, and changes in it. */
export interface Writing {
  transport: ReplyTransport;
  store: ReplyStore;
  shown: ShownPages;
  stop: AbortController;
  text: { isFinal(): boolean };
  meter?: ReplyMeter;
}

/** Takes a step within its slot. @throws {ReplyLostError} when the reply belongs to another worker by now. */
export async function writeStep(writing: Writing, step: Step, slot: Slot): Promise<TelegramAnswer> {
  if (step.kind === "send") {
    await passFence(writing, slot, () => recordSending(writing));
    const answer = await writing.transport.send(step.page);
    endSlot(slot, answer);
    return noteSend(writing, step.page, answer);
  }
  // An edit on the way is not worth a look: the next message, or the end, finds out.
  if (writing.text.isFinal()) await passFence(writing, slot, writing.store.confirm);
  const answer = await change(writing.transport, step);
  endSlot(slot, answer);
  noteChange(writing, step, answer);
  return answer;
}

/** A reply that is another's by now, or at its end, or abandoned, is not written. */
async function passFence({ stop }: Writing, slot: Slot, pass: () => Promise<void>): Promise<void> {
  try {
    await pass();
    stop.signal.throwIfAborted();
  } catch (error) {
    slot.giveBack();
    throw error;
  }
}

async function recordSending({ stop, store }: Writing): Promise<void> {
  await store.recordSending();
  if (stop.signal.aborted) await store.recordNotSent();
}

/** Ends a slot by what came of its call: one that was held was never made. */
export function endSlot(slot: Slot, { kind }: SendAnswer): void {
  if (kind === "held") slot.giveBack();
  else slot.end(kind !== "unknown");
}

function change(transport: ReplyTransport, step: Change): Promise<TelegramAnswer> {
  const { messageId } = step.shown;
  return step.kind === "edit" ? transport.edit(messageId, step.page) : transport.remove(messageId);
}

async function noteSend(
  { meter, shown, store }: Writing,
  page: PageToSend,
  answer: SendAnswer,
): Promise<TelegramAnswer> {
  if (answer.kind === "sent") {
    shown.sent(answer.messageId, page);
    await store.savePages(shown.messageIds());
    return { kind: "done" };
  }
  // What may have been sent stays noted as on its way: whoever sends it again counts it.
  if (answer.kind === "unknown" && answer.mayBeDone) meter?.messageMaybeDuplicated();
  else await store.recordNotSent();
  return answer;
}

function noteChange({ shown }: Writing, step: Change, answer: TelegramAnswer): void {
  if (answer.kind === "done" && step.kind === "edit") shown.edited(step.shown, step.page);
  if (answer.kind === "message-gone" || (answer.kind === "done" && step.kind === "remove")) step.shown.gone = true;
}
