/**
 * One reply: renders a run into its chat, page by page, until Telegram has accepted the end.
 *
 * One loop with one write in flight. It renders when it has a slot, so that nothing stale is sent. A page's message id is
 * stored as soon as it is known. It knows the events of a run and a transport, but neither the model nor grammY.
 */
import { ReplyLostError } from "../../db/queries/chat/replies.ts";
import type { RunEvent } from "../../events.ts";
import type { Priority, Slot } from "../budget/send-budget.ts";
import { giveUp, handleAnswer } from "./handle-answer.ts";
import { createSentPages, type Step, type View } from "./pages/page-diff.ts";
import { createReplyState, type ReplyDeps, type ReplyState } from "./reply-state.ts";
import { keepTyping, TYPING_DELAY_MS, TYPING_INTERVAL_MS } from "./typing.ts";
import { writeStep } from "./write-step.ts";

export interface Reply {
  emit(event: RunEvent): void;
  /** Stops rendering at once. The stored state allows another process to deliver the rest. */
  abandon(): void;
  /** Settles when the reply is delivered, undeliverable or abandoned; never rejects. */
  readonly done: Promise<void>;
}

/** A faster tool is not worth a status line. */
const STATUS_DELAY_MS = 700;

/** Starts rendering a reply. It ends some time after the event `run-end`. */
export function createReply(deps: ReplyDeps): Reply {
  const reply = createReplyState(deps);
  const done = renderUntilDone(reply)
    .catch((error: unknown) => {
      if (error instanceof ReplyLostError) deps.logger.info("reply handed over");
      else if (!reply.stop.signal.aborted) deps.logger.error({ err: error }, "reply ended unexpectedly");
    })
    .finally(reply.timers.cancelAll);
  return {
    done,
    abandon: () => reply.stop.abort(new Error("the reply was abandoned")),
    emit: (event) => handleEvent(reply, event),
  };
}

function handleEvent(reply: ReplyState, event: RunEvent): void {
  const { budget, chat, text, timers } = reply;
  text.handle(event);
  if (event.type === "text-delta") reply.textAge.added();
  reply.onChange();
  // The write that waits for a slot has become the final one.
  if (event.type === "run-end") budget.reconsider(chat);
  if (event.type !== "tool-start") return;
  timers.after(STATUS_DELAY_MS, () => {
    if (!text.nameTool(event.toolCallId)) return;
    reply.statusVersion = text.version();
    reply.onChange();
    budget.reconsider(chat);
  });
}

async function renderUntilDone(reply: ReplyState): Promise<void> {
  const { stop, stopped, text, timers } = reply;
  reply.sentPages = createSentPages(await Promise.race([reply.begin(stop.signal), stopped]));
  timers.after(TYPING_DELAY_MS, () => keepTyping({ ...reply, dueIn: () => typingDueIn(reply) }));
  for (;;) {
    if (text.version() !== reply.shownVersion && !text.isHeldBack()) {
      if (await writeNext(reply)) return;
    } else if (text.isFinal()) {
      return reply.store.markDelivered();
    } else {
      await nextChange(reply);
    }
  }
}

/** Waits for a slot, and makes the first call that the current view needs. @returns whether the reply has ended. */
async function writeNext(reply: ReplyState): Promise<boolean> {
  const { budget, chat, sentPages, stop, text } = reply;
  const slot = await budget.take(chat, () => priorityOf(reply), stop.signal);
  const version = text.version();
  const view = renderView(reply);
  reply.textAge.rendered();
  const steps = view ? sentPages.stepsTo(view) : [];
  const [step] = steps;
  if (step) return write(reply, { step, version, isLast: steps.length === 1 }, slot);
  reply.textAge.failed();
  slot.giveBack();
  reply.shownVersion = version;
  if (view || !text.isFinal()) return false;
  return giveUp(reply, "it could not be rendered; see the log");
}

async function write(
  reply: ReplyState,
  { step, version, isLast }: { step: Step; version: number; isLast: boolean },
  slot: Slot,
): Promise<boolean> {
  reply.isWriting = true;
  const answer = await writeStep(reply, step, slot);
  reply.isWriting = false;
  if (answer.kind === "done" && isLast) recordShown(reply, version);
  else reply.textAge.failed();
  return handleAnswer(reply, answer);
}

/** The chat shows this version completely. */
function recordShown(reply: ReplyState, version: number): void {
  const { askedAt, clock, meter, textAge } = reply;
  reply.shownVersion = version;
  const ageMs = textAge.accepted();
  if (ageMs !== null) meter?.textShown(ageMs / 1_000);
  if (askedAt !== null) meter?.firstTextShown((clock.now() - askedAt) / 1_000);
  reply.askedAt = null;
}

/** Null after a fault in our rendering: the next version may work, and later replies must not wait for ever. */
function renderView({ logger, text }: ReplyState): View | null {
  try {
    return text.view();
  } catch (error) {
    logger.error({ err: error }, "could not render the reply");
    return null;
  }
}

async function nextChange(reply: ReplyState): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  reply.onChange = resolve;
  await Promise.race([promise, reply.stopped]);
}

/** The priority of the next write, without rendering. */
function priorityOf({ sentPages, shownVersion, statusVersion, text }: ReplyState): Priority {
  if (text.isFinal()) return "final";
  // A slow tool is named at once, with the slot that is reserved for the final: the end is not near.
  return sentPages.isEmpty() || shownVersion < statusVersion ? "message" : "edit";
}

/** Milliseconds until typing is due; null if it never is again. */
function typingDueIn({ clock, isWriting, lastShownAt, text }: ReplyState): number | null {
  if (text.isFinal()) return null;
  return isWriting ? TYPING_DELAY_MS : lastShownAt + TYPING_INTERVAL_MS - clock.now();
}
