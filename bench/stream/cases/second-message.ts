/**
 * Case "second": a second message of the same chat while the first is answered; and, apart from it, questions in other
 * chats while 100 chats stream.
 */
import { setTimeout as pause } from "node:timers/promises";
import { rounded, summarise } from "../../report.ts";
import { LATENCY_MS, type Scene } from "../environment.ts";
import { findFaults } from "../staleness.ts";
import { plainTokens } from "../tokens.ts";
import { type CaseContext, TOKENS_PER_SECOND, tokenReached, usualTurn } from "./case.ts";

export interface SecondMessageResult {
  /** From the second message to the moment in which Telegram knows it taken in; null when that never came. */
  acceptedMs: number | null;
  isAnswered: boolean;
  /** Whether the model was asked for the second only after it had said all of the first. */
  isInOrder: boolean;
  lost: number;
}

const SEND_AT = 100;
const LIMIT_MS = 120_000;
const SECOND_TOKENS = 60;
const SECOND_FIRST_NUMBER = 2_001;

export async function secondMessageCase({ scene, seed }: CaseContext): Promise<SecondMessageResult> {
  const chat = scene.privateChat();
  const first = scene.ask(chat, [usualTurn(`${seed} second 1`)]);
  await tokenReached(first, SEND_AT);
  const tokens = plainTokens({ seed: `${seed} second 2`, count: SECOND_TOKENS, first: SECOND_FIRST_NUMBER });
  const second = scene.ask(chat, [{ tokens, perSecond: TOKENS_PER_SECOND }]);
  const confirmedAt = await waitUntilConfirmed(scene, second.messageId);
  const isAnswered = await scene.waitUntilComplete(second, LIMIT_MS);
  const askedSecondAt = second.requests[0]?.atMs;
  return {
    acceptedMs: confirmedAt === undefined ? null : rounded(confirmedAt - second.askedAt),
    isAnswered,
    isInOrder: askedSecondAt !== undefined && askedSecondAt > (first.tokenAt.at(-1) ?? 0),
    lost: findFaults(first).lost + (isAnswered ? 0 : SECOND_TOKENS),
  };
}

/** When the update with this message was confirmed by the bot; undefined when it takes too long. */
function waitUntilConfirmed({ telegram, now }: Scene, messageId: number): Promise<number | undefined> {
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
  /** From the update's arrival at the bot (40 ms after it was sent) to the model's request. */
  toModelMs: { count: number; p50: number; p95: number; max: number };
  /** Questions that the model was not asked within ten seconds. */
  notAsked: number;
}

const STREAMING = 100;
const ASKING = 10;
const BEFORE_ASKING_MS = 3_000;
const BETWEEN_MS = 400;
const ASKED_LIMIT_MS = 10_000;

/** Questions in chats that the bot knows, while 100 others stream, whose end is not waited for. Needs a scene of its own. */
export async function otherChatsCase({ scene, seed }: CaseContext): Promise<OtherChatsResult> {
  const short = () => [{ tokens: plainTokens({ seed, count: 5 }), perSecond: TOKENS_PER_SECOND }];
  const known = Array.from({ length: ASKING }, () => scene.privateChat());
  await Promise.all(known.map((chat) => scene.waitUntilComplete(scene.ask(chat, short()), LIMIT_MS)));
  for (let index = 0; index < STREAMING; index += 1) {
    scene.ask(scene.privateChat(), [usualTurn(`${seed} others ${index}`)]);
  }
  await pause(BEFORE_ASKING_MS);
  const waits = await Promise.all(
    known.map(async (chat, index) => {
      await pause(index * BETWEEN_MS);
      return waitUntilAsked(scene.ask(chat, short()));
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
