/**
 * A fake Telegram chat behind a reply's transport, on a fake clock: it counts as Telegram does, takes time, and fails as a
 * test says. The stand-in has the real protocol; here thousands of replies can be played per second.
 */

import { createFloodControl, TELEGRAM_LIMITS } from "../../../sandbox/telegram/flood-control.ts";
import { TelegramRefusal } from "../../../sandbox/telegram/refusal.ts";
import type { PageContent } from "../../../src/bot/reply/pages/page-diff.ts";
import type { ReplyTransport } from "../../../src/bot/reply/ports.ts";
import type { TelegramAnswer } from "../../../src/bot/telegram/api-errors.ts";
import type { FakeClock } from "../../support/fake-clock.ts";

/** What happens to one call. */
export interface Fate {
  /** Latency of the request and of the answer, in milliseconds. */
  there: number;
  back: number;
  fault?:
    | { kind: "lost-before" | "lost-after" | "deleted-before" }
    /** Telegram refuses all calls to the chat for this many seconds. */
    | { kind: "freeze"; seconds: number };
}

export interface ShownMessage extends PageContent {
  id: number;
  /** Its id is unknown: Telegram's answer to the send was lost. */
  isOrphan: boolean;
  isDeleted: boolean;
}

/** A call that Telegram carried out. */
interface AcceptedCall {
  at: number;
  kind: "send" | "edit" | "remove" | "typing";
  messageId: number | null;
}

/** A chat whose calls meet these fates one after the other; later calls succeed. */
export function createFakeChat(clock: FakeClock, options: { isGroup: boolean; fates: readonly Fate[] }) {
  const chat = { id: 1, type: options.isGroup ? ("group" as const) : ("private" as const) };
  const limits = createFloodControl(TELEGRAM_LIMITS, clock.now);
  const fates = [...options.fates];
  const messages: ShownMessage[] = [];
  const accepted: AcceptedCall[] = [];
  const offences = { insideWindow: 0, earned: 0 };
  let [frozenUntil, isWindowKnown] = [Number.NEGATIVE_INFINITY, false];
  let [isAway, attempts] = [false, 0];
  let onShown: () => void = () => undefined;

  const freeze = (seconds: number) => {
    frozenUntil = clock.now() + seconds * 1_000;
    isWindowKnown = false;
    limits.freeze(chat, seconds);
  };
  const pause = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve));
  const call = async <Answer extends object>(
    kind: AcceptedCall["kind"],
    apply: (fault: Fate["fault"]) => Answer,
  ): Promise<Answer | TelegramAnswer> => {
    const knewOfWindow = isWindowKnown && clock.now() < frozenUntil;
    const { there, back, fault } = (kind === "typing" ? undefined : fates.shift()) ?? { there: 40, back: 40 };
    attempts += 1;
    await pause(there);
    const now = clock.now();
    if (isAway || fault?.kind === "lost-before") {
      await pause(back);
      return { kind: "unknown", description: "502", mayBeDone: true };
    }
    if (fault?.kind === "freeze") freeze(fault.seconds);
    const refusal = refusalOf(() => limits.check(chat, true));
    if (refusal) {
      if (now >= frozenUntil) offences.earned += 1;
      else if (knewOfWindow) offences.insideWindow += 1;
      await pause(back);
      isWindowKnown = true;
      return refusal;
    }
    const answer = apply(fault);
    accepted.push({ at: now, kind, messageId: "messageId" in answer ? Number(answer.messageId) : null });
    onShown();
    await pause(back);
    return fault?.kind === "lost-after"
      ? { kind: "unknown", description: "connection reset", mayBeDone: true }
      : answer;
  };
  const change = (kind: "edit" | "remove", messageId: number, apply: (message: ShownMessage) => void) =>
    call(kind, (fault) => {
      const message = messages.find(({ id }) => id === messageId);
      if (!message) throw new Error(`the reply invented message ${messageId}`);
      if (fault?.kind === "deleted-before") message.isDeleted = true;
      if (message.isDeleted) return { kind: "message-gone" as const, messageId };
      apply(message);
      return { kind: "done" as const, messageId };
    });

  const transport: ReplyTransport = {
    send: (page) =>
      call("send", (fault) => {
        const message = { ...page, id: messages.length + 1, isOrphan: fault?.kind === "lost-after", isDeleted: false };
        messages.push(message);
        return { kind: "sent" as const, messageId: message.id };
      }),
    edit: (id, page) => change("edit", id, (message) => void Object.assign(message, page)),
    remove: (id) =>
      change("remove", id, (message) => {
        message.isDeleted = true;
      }),
    typing: () => call("typing", () => ({ kind: "done" as const })),
    migrate: async () => undefined,
  };
  return {
    transport,
    accepted,
    messages,
    offences,
    /** Telegram refuses all calls from now on, for this many seconds. */
    freeze,
    /** Whether Telegram is unreachable, also for typing. */
    setAway(away: boolean) {
      isAway = away;
    },
    /** How many calls were made, with any result. */
    attempts: () => attempts,
    /** Calls `look` whenever the chat may have changed. */
    watch(look: () => void) {
      onShown = look;
    },
    /** The messages that the reply knows and the person has not deleted. */
    shown: () => messages.filter(({ isOrphan, isDeleted }) => !isOrphan && !isDeleted),
  };
}

function refusalOf(check: () => void): TelegramAnswer | null {
  try {
    check();
    return null;
  } catch (error) {
    if (!(error instanceof TelegramRefusal)) throw error;
    return { kind: "wait", seconds: error.parameters?.retry_after ?? 1 };
  }
}
