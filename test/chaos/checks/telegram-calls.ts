/**
 * Checks Telegram calls: no process calls during a freeze that a 429 announced to it, and no process writes for a run that
 * another has taken over, for example after it was frozen or disconnected.
 */
import { type Answered, type IndexedRecording, ownerAt, type Violation } from "../indexed-recording.ts";
import type { Disturbance, TelegramCall } from "../recording.ts";

export interface TelegramCallsResult {
  readonly violations: readonly Violation[];
  /** Calls during a freeze by a process that had not got the 429. */
  readonly unawareInWindow: number;
  /** Number of 429 responses. */
  readonly refused: number;
}

/** Tolerance for calls in flight, and for responses that a busy machine handles late. */
const IN_FLIGHT_MS = 500;
/** A process without a database connection notices a takeover only after some time. */
const NOTICE_LIMIT_MS = 1_000;
const COUNTED = new Set(["sendMessage", "editMessageText", "deleteMessage", "sendChatAction"]);

/** Disturbances after which a slot has a new process. */
const ENDS = new Set<Disturbance["kind"]>(["kill", "terminate", "second-signal", "exit"]);

export function checkTelegramCalls(indexed: IndexedRecording): TelegramCallsResult {
  const windows = checkWindows(indexed);
  return {
    ...windows,
    violations: [...windows.violations, ...indexed.answered.flatMap((each) => [...checkWriters(each, indexed)])],
  };
}

function checkWindows({ recording: { telegramCalls, disturbances } }: IndexedRecording): TelegramCallsResult {
  const violations: Violation[] = [];
  let unawareInWindow = 0;
  const counted = telegramCalls.filter(({ method }) => COUNTED.has(method));
  /** Whether the slot got a new process between `sinceMs` and `atMs`. */
  const isNew = (slot: string, sinceMs: number, atMs: number) =>
    disturbances.some(
      ({ kind, slot: ended, fromMs, untilMs }) =>
        ended === slot && ENDS.has(kind) && fromMs <= atMs && untilMs >= sinceMs,
    );
  for (const calls of Map.groupBy(counted, ({ chatId }) => chatId).values()) {
    const windows: TelegramCall[] = [];
    for (const call of calls) {
      const open = windows.filter((refused) => isInside(call, refused));
      const known = open.find(({ slot, endedAtMs }) => slot === call.slot && !isNew(slot, endedAtMs, call.startedAtMs));
      if (known) {
        const afterMs = Math.round(call.startedAtMs - known.endedAtMs);
        const detail = `${call.slot} called ${call.method} ${afterMs} ms after a 429 with retry_after ${known.retryAfterSeconds}`;
        violations.push({ check: "call-during-freeze", subject: `chat ${call.chatId}`, detail });
      } else if (open.length > 0) unawareInWindow += 1;
      if (call.retryAfterSeconds !== undefined) windows.push(call);
    }
  }
  const refused = counted.filter(({ retryAfterSeconds }) => retryAfterSeconds !== undefined).length;
  return { violations, unawareInWindow, refused };
}

function isInside({ startedAtMs }: TelegramCall, { endedAtMs, retryAfterSeconds = 0 }: TelegramCall): boolean {
  return startedAtMs > endedAtMs + IN_FLIGHT_MS && startedAtMs < endedAtMs + retryAfterSeconds * 1_000;
}

function* checkWriters(answered: Answered, { recording }: IndexedRecording): Generator<Violation> {
  for (const call of answered.calls) {
    const owner = ownerAt(answered, call.startedAtMs);
    if (!owner || owner.slot === call.slot) continue;
    const lateMs = Math.round(call.startedAtMs - owner.sinceMs);
    const { subject } = answered;
    const detail = `${call.slot} called ${call.method} ${lateMs} ms after ${owner.slot} had taken over the run`;
    if (wasFrozen(call, owner.sinceMs, recording)) yield { check: "stale-write-after-freeze", subject, detail };
    else if (lateMs > NOTICE_LIMIT_MS) yield { check: "stale-write", subject, detail };
  }
}

/** Whether the process was frozen when another took over the run, and made the call after that. */
function wasFrozen(
  { slot, startedAtMs }: TelegramCall,
  takenAtMs: number,
  { disturbances }: IndexedRecording["recording"],
): boolean {
  return disturbances.some(
    ({ kind, slot: frozen, fromMs, untilMs }) =>
      kind === "freeze" && frozen === slot && fromMs <= takenAtMs && untilMs >= takenAtMs && startedAtMs >= untilMs,
  );
}
