/**
 * The best possible schedule when many chats share one rate limit: given the arrival times of tokens, when is each shown?
 *
 * One write every 1/30 s. First and final writes have priority; then comes the chat with new text that has waited longest. Writes
 * in one chat are at least a second apart. A write is visible after half a round trip. This is a pure simulation.
 */

export interface ScheduleRules {
  writesPerSecond: number;
  chatIntervalMs: number;
  /** Time from the start of a write until it is visible. */
  oneWayMs: number;
}

interface Chat {
  readonly tokenAt: readonly number[];
  /** Number of tokens written so far. */
  written: number;
  lastWriteAt: number;
  staleness: number;
}

/** The mean staleness of each chat in milliseconds, in the order of the input. */
export function idealStaleness(tokenTimes: readonly (readonly number[])[], rules: ScheduleRules): number[] {
  const chats = tokenTimes.map(
    (tokenAt): Chat => ({ tokenAt, written: 0, lastWriteAt: Number.NEGATIVE_INFINITY, staleness: 0 }),
  );
  const tokens = tokenTimes.reduce((sum, { length }) => sum + length, 0);
  const slotMs = 1_000 / rules.writesPerSecond;
  for (let now = firstTime(tokenTimes), left = tokens; left > 0; now += slotMs) {
    const chat = pickChat(chats, now, rules);
    if (chat) left -= write(chat, now, rules);
  }
  return chats.map(({ staleness, tokenAt }) => staleness / tokenAt.length);
}

function firstTime(tokenTimes: readonly (readonly number[])[]): number {
  return Math.min(...tokenTimes.map(([first = Number.POSITIVE_INFINITY]) => first));
}

function pickChat(chats: readonly Chat[], now: number, { chatIntervalMs }: ScheduleRules): Chat | undefined {
  const ready = chats.filter((chat) => hasNewTokens(chat, now) && now >= chat.lastWriteAt + chatIntervalMs);
  const urgent = ready.filter((chat) => chat.written === 0 || hasAllTokens(chat, now));
  const candidates = urgent.length > 0 ? urgent : ready;
  // A chat without any write has waited since its first token.
  const waitingSince = (chat: Chat) => (chat.written === 0 ? (chat.tokenAt[0] ?? 0) : chat.lastWriteAt);
  return candidates.reduce<Chat | undefined>(
    (best, chat) => (!best || waitingSince(chat) < waitingSince(best) ? chat : best),
    undefined,
  );
}

function hasNewTokens({ tokenAt, written }: Chat, now: number): boolean {
  return (tokenAt[written] ?? Number.POSITIVE_INFINITY) <= now;
}

function hasAllTokens({ tokenAt }: Chat, now: number): boolean {
  return (tokenAt.at(-1) ?? 0) <= now;
}

/** @returns the number of tokens that became visible. */
function write(chat: Chat, now: number, { oneWayMs }: ScheduleRules): number {
  const before = chat.written;
  while (hasNewTokens(chat, now)) {
    chat.staleness += now + oneWayMs - (chat.tokenAt[chat.written] ?? now);
    chat.written += 1;
  }
  chat.lastWriteAt = now;
  return chat.written - before;
}
