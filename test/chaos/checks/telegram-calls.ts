/**
 * Manners towards Telegram: nobody writes in a window of which it was told, and who was frozen or cut off writes nothing for
 * a run that others have taken over.
 */
import { type Answered, type Findings, ownerAt, type Violation } from "../indexed-recording.ts";
import type { Disturbance, TelegramCall } from "../recording.ts";

export interface MannersFindings {
  readonly violations: readonly Violation[];
  /** Calls in a window by a process that had not been told of it. */
  readonly unknowingInWindow: number;
  /** Answers of Telegram with 429. */
  readonly refused: number;
}

/** Calls that were on their way when the answer came, and answers that a busy machine was slow to hand on. */
const ON_ITS_WAY_MS = 500;
/** Who was cut off from the database cannot know at once that another has its run. */
const UNKNOWING_MS = 1_000;
const COUNTED = new Set(["sendMessage", "editMessageText", "deleteMessage", "sendChatAction"]);

/** What a process of a slot does not outlive. */
const ENDS = new Set<Disturbance["kind"]>(["kill", "terminate", "second-signal", "exit"]);

export function checkManners(findings: Findings): MannersFindings {
  const windows = checkWindows(findings);
  return {
    ...windows,
    violations: [...windows.violations, ...findings.answered.flatMap((each) => [...checkStrangers(each, findings)])],
  };
}

function checkWindows({ recording: { telegramCalls, disturbances } }: Findings): MannersFindings {
  const violations: Violation[] = [];
  let unknowingInWindow = 0;
  const counted = telegramCalls.filter(({ method }) => COUNTED.has(method));
  /** Whether the process of the slot is another one since. */
  const isNew = (slot: string, sinceMs: number, atMs: number) =>
    disturbances.some(
      ({ kind, slot: ended, fromMs, untilMs }) =>
        ended === slot && ENDS.has(kind) && fromMs <= atMs && untilMs >= sinceMs,
    );
  for (const calls of Map.groupBy(counted, ({ chatId }) => chatId).values()) {
    const windows: TelegramCall[] = [];
    for (const call of calls) {
      const open = windows.filter((told) => isInside(call, told));
      const known = open.find(({ slot, endedAtMs }) => slot === call.slot && !isNew(slot, endedAtMs, call.startedAtMs));
      if (known) {
        const afterMs = Math.round(call.startedAtMs - known.endedAtMs);
        const detail = `${call.slot} called ${call.method} ${afterMs} ms after it was asked to wait ${known.retryAfterSeconds} s`;
        violations.push({ check: "call-in-window", subject: `chat ${call.chatId}`, detail });
      } else if (open.length > 0) unknowingInWindow += 1;
      if (call.retryAfterSeconds !== undefined) windows.push(call);
    }
  }
  const refused = counted.filter(({ retryAfterSeconds }) => retryAfterSeconds !== undefined).length;
  return { violations, unknowingInWindow, refused };
}

function isInside({ startedAtMs }: TelegramCall, { endedAtMs, retryAfterSeconds = 0 }: TelegramCall): boolean {
  return startedAtMs > endedAtMs + ON_ITS_WAY_MS && startedAtMs < endedAtMs + retryAfterSeconds * 1_000;
}

function* checkStrangers(answered: Answered, { recording }: Findings): Generator<Violation> {
  for (const call of answered.calls) {
    const owner = ownerAt(answered, call.startedAtMs);
    if (!owner || owner.slot === call.slot) continue;
    const lateMs = Math.round(call.startedAtMs - owner.sinceMs);
    const { subject } = answered;
    const detail = `${call.slot} called ${call.method} ${lateMs} ms after ${owner.slot} had taken it over`;
    if (wokeUp(call, owner.sinceMs, recording)) yield { check: "woken-writer", subject, detail };
    else if (lateMs > UNKNOWING_MS) yield { check: "stranger-writes", subject, detail };
  }
}

/** Whether its process was frozen when the run was taken from it, and the call came after that. */
function wokeUp(
  { slot, startedAtMs }: TelegramCall,
  takenAtMs: number,
  { disturbances }: Findings["recording"],
): boolean {
  return disturbances.some(
    ({ kind, slot: frozen, fromMs, untilMs }) =>
      kind === "freeze" && frozen === slot && fromMs <= takenAtMs && untilMs >= takenAtMs && startedAtMs >= untilMs,
  );
}
