/**
 * The best that a bot can do when many chats share one budget: given when each token came, when would each be shown.
 *
 * One write every 1/30 s; starts and finals first, then the chat that has waited longest for a write among those with new
 * text; at least a second apart in one chat; shown half a way there and back later. It knows no bot and no network.
 */

export interface ScheduleRules {
  writesPerSecond: number;
  chatIntervalMs: number;
  /** From the write's start to when it is shown. */
  wayMs: number;
}

interface Chat {
  readonly tokenAt: readonly number[];
  /** Tokens in writes so far. */
  written: number;
  lastWriteAt: number;
  staleness: number;
}

/** Mean staleness of each chat, in milliseconds, in the given order. */
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
  const ready = chats.filter((chat) => hasNews(chat, now) && now >= chat.lastWriteAt + chatIntervalMs);
  const urgent = ready.filter((chat) => chat.written === 0 || isAllThere(chat, now));
  const candidates = urgent.length > 0 ? urgent : ready;
  // A chat that was never written to has waited since its first token.
  const waitingSince = (chat: Chat) => (chat.written === 0 ? (chat.tokenAt[0] ?? 0) : chat.lastWriteAt);
  return candidates.reduce<Chat | undefined>(
    (best, chat) => (!best || waitingSince(chat) < waitingSince(best) ? chat : best),
    undefined,
  );
}

function hasNews({ tokenAt, written }: Chat, now: number): boolean {
  return (tokenAt[written] ?? Number.POSITIVE_INFINITY) <= now;
}

function isAllThere({ tokenAt }: Chat, now: number): boolean {
  return (tokenAt.at(-1) ?? 0) <= now;
}

/** @returns how many tokens became visible. */
function write(chat: Chat, now: number, { wayMs }: ScheduleRules): number {
  const before = chat.written;
  while (hasNews(chat, now)) {
    chat.staleness += now + wayMs - (chat.tokenAt[chat.written] ?? now);
    chat.written += 1;
  }
  chat.lastWriteAt = now;
  return chat.written - before;
}
