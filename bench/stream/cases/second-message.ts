/**
 * Case "second": a second message in the same chat during the first answer. Case "others": questions in other chats while 100
 * chats stream.
 */
import { setTimeout as pause } from "node:timers/promises";
import { rounded, summarise } from "../../report.ts";
import { type Environment, LATENCY_MS } from "../environment.ts";
import { findFaults } from "../staleness.ts";
import { plainTokens } from "../tokens.ts";
import { type CaseContext, TOKENS_PER_SECOND, tokenReached, usualTurn } from "./case.ts";

export interface SecondMessageResult {
  /** Time from the second message to the confirmation of its update; null if it was never confirmed. */
  acceptedMs: number | null;
  isAnswered: boolean;
  /** Whether the second model request came only after the end of the first answer. */
  isInOrder: boolean;
  lost: number;
}

const SEND_AT = 100;
const LIMIT_MS = 120_000;
const SECOND_TOKENS = 60;
const SECOND_FIRST_NUMBER = 2_001;

export async function secondMessageCase({ environment, seed }: CaseContext): Promise<SecondMessageResult> {
  const chat = environment.privateChat();
  const first = environment.ask(chat, [usualTurn(`${seed} second 1`)]);
  await tokenReached(first, SEND_AT);
  const tokens = plainTokens({ seed: `${seed} second 2`, count: SECOND_TOKENS, first: SECOND_FIRST_NUMBER });
  const second = environment.ask(chat, [{ tokens, perSecond: TOKENS_PER_SECOND }]);
  const confirmedAt = await waitUntilConfirmed(environment, second.messageId);
  const isAnswered = await environment.waitUntilComplete(second, LIMIT_MS);
  const secondRequestAt = second.requests[0]?.atMs;
  return {
    acceptedMs: confirmedAt === undefined ? null : rounded(confirmedAt - second.askedAt),
    isAnswered,
    isInOrder: secondRequestAt !== undefined && secondRequestAt > (first.tokenAt.at(-1) ?? 0),
    lost: findFaults(first).lost + (isAnswered ? 0 : SECOND_TOKENS),
  };
}

/** The time when the bot confirmed the update with this message; undefined after the limit. */
function waitUntilConfirmed({ telegram, now }: Environment, messageId: number): Promise<number | undefined> {
  const isPending = () => telegram.pendingUpdates().some(({ message }) => message?.message_id === messageId);
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  const stopListening = telegram.onChange(({ kind }) => {
    if (kind === "updates-confirmed" && !isPending()) resolve(now());
  });
  const timer = setTimeout(() => resolve(undefined), LIMIT_MS);
  return promise.finally(() => {
    stopListening();
    clearTimeout(timer);
  });
}

export interface OtherChatsResult {
  streaming: number;
  /** Time from the update's arrival at the bot (40 ms after it was sent) to the model request. */
  toModelMs: { count: number; p50: number; p95: number; max: number };
  /** Questions without a model request within ten seconds. */
  notAsked: number;
}

const STREAMING = 100;
const ASKING = 10;
const BEFORE_ASKING_MS = 3_000;
const BETWEEN_MS = 400;
const ASKED_LIMIT_MS = 10_000;

/** Questions in known chats while 100 other chats stream. Does not wait for their end. Needs an environment of its own. */
export async function otherChatsCase({ environment, seed }: CaseContext): Promise<OtherChatsResult> {
  const short = () => [{ tokens: plainTokens({ seed, count: 5 }), perSecond: TOKENS_PER_SECOND }];
  const known = Array.from({ length: ASKING }, () => environment.privateChat());
  await Promise.all(known.map((chat) => environment.waitUntilComplete(environment.ask(chat, short()), LIMIT_MS)));
  for (let index = 0; index < STREAMING; index += 1) {
    environment.ask(environment.privateChat(), [usualTurn(`${seed} others ${index}`)]);
  }
  await pause(BEFORE_ASKING_MS);
  const waits = await Promise.all(
    known.map(async (chat, index) => {
      await pause(index * BETWEEN_MS);
      return waitUntilAsked(environment.ask(chat, short()));
    }),
  );
  const asked = waits.filter((wait) => wait !== null);
  return { streaming: STREAMING, toModelMs: summarise(asked), notAsked: waits.length - asked.length };
}

async function waitUntilAsked(question: { askedAt: number; requests: readonly { atMs: number }[] }) {
  for (const limit = performance.now() + ASKED_LIMIT_MS; performance.now() < limit; await pause(5)) {
    const [request] = question.requests;
    if (request) return request.atMs - question.askedAt - LATENCY_MS / 2;
  }
  return null;
}
