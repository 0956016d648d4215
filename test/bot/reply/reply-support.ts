/** Helpers for tests of replies on the whole product: answers by question, runs as an admin sees them, slow tools. */

import { sql } from "drizzle-orm";
import { expect } from "vitest";
import type { ModelRequest, Responder, Turn } from "../../../sandbox/model/turn.ts";
import type { Fault } from "../../../sandbox/telegram/faults.ts";
import type { RecordedCall } from "../../../sandbox/telegram/world/call-log.ts";
import type { StandInChat } from "../../../sandbox/telegram/world/chat.ts";
import type { Clock } from "../../../src/bot/budget/clock.ts";
import { type BudgetChat, createSendBudget, type SendBudget } from "../../../src/bot/budget/send-budget.ts";
import type { ReplyTransport } from "../../../src/bot/reply/ports.ts";
import { createReply } from "../../../src/bot/reply/reply.ts";
import { createLogger } from "../../../src/observability/logger.ts";
import type { TestApp } from "../../support/app.ts";
import { holdLocks } from "../../support/database.ts";
import { questionOf, repeats } from "../bot-support.ts";

/** A promise that never settles. */
export const NEVER: Promise<never> = new Promise(() => undefined);
/** How people mention the bot in a group. */
export const BOT = "@counterhand_sandbox_bot";

/** Answers the first round of a question in `turns` with its turn; any other request repeats the question. */
export function answers(turns: Record<string, Turn>): Responder {
  return (request) => turns[questionOf(request).replace(`${BOT} `, "")] ?? repeats(request);
}

/** The fields of a run that tests read. */
export interface ShownRun {
  status: string;
  message: { text: string } | null;
  delivery: { status: string; error: string | null };
  toolCalls: { nodes: { status: string }[] };
}

/** All runs as an admin sees them, oldest first. */
export async function runsOf(app: TestApp): Promise<ShownRun[]> {
  const fields = "status message { text } delivery { status error } toolCalls { nodes { status } }";
  const { runs } = await app.graphql<{ runs: { nodes: ShownRun[] } }>(`{ runs { nodes { ${fields} } } }`);
  return runs.nodes.reverse();
}

/** Settles when the runs have these states. It polls, because some changes in the database send no notification. */
export async function runsAre(app: TestApp, states: object[]): Promise<ShownRun[]> {
  await expect.poll(() => runsOf(app)).toMatchObject(states);
  return runsOf(app);
}

export const DELIVERED = { status: "COMPLETED", delivery: { status: "DELIVERED" } };
export const STOPPED = { status: "CANCELLED", delivery: { status: "DELIVERED" } };

/** The request to the model with this question, now or later. */
export async function asked(app: TestApp, question: string): Promise<ModelRequest> {
  for (let number = 1; ; number++) {
    const request = await app.model.waitForRequest(number);
    if (questionOf(request).endsWith(question)) return request;
  }
}

/** Blocks every tool that reads products or sales until the returned function is called. */
export function holdShop({ test }: TestApp): Promise<() => Promise<void>> {
  return holdLocks(test.db, (tx) =>
    tx.execute(sql`lock table products, sales, sale_lines, imports in access exclusive mode`),
  );
}

/** The visible calls to this chat, with any result, oldest first. */
export function callsTo({ telegram }: TestApp, chat: StandInChat): RecordedCall[] {
  return telegram
    .calls()
    .filter(({ chatId, method }) => chatId === chat.id && ["sendMessage", "editMessageText"].includes(method));
}

/** Telegram's 429 with its shortest wait. */
export const TOO_MANY_REQUESTS: Fault = {
  kind: "http",
  status: 429,
  body: {
    ok: false,
    error_code: 429,
    description: "Too Many Requests: retry after 1",
    parameters: { retry_after: 1 },
  },
};

/** Every edit in the chat meets this fault until the returned function is called. */
export function failEdits({ telegram }: TestApp, chat: StandInChat, fault: Fault): () => void {
  let isOver = false;
  const isMeant: Parameters<typeof telegram.failNext>[0] = ({ method, chatId }) =>
    !isOver && method === "editMessageText" && chatId === chat.id;
  telegram.failNext(isMeant, fault, 1_000);
  return () => {
    isOver = true;
  };
}

/** Matches a message with this text without a stop button. */
export function ended(text: string) {
  return (message: { text?: string; reply_markup?: unknown }) =>
    message.text === text && message.reply_markup === undefined;
}

/** The bot's answers to pressed buttons. */
export function pressAnswers(chat: StandInChat): (string | undefined)[] {
  return chat.history.flatMap((change) => (change.kind === "callback-answer" ? [change.text] : []));
}

/** One reply, without a run, a database and the real clock. */
export function startReply(parts: {
  chat: BudgetChat;
  transport: ReplyTransport;
  clock: Clock;
  /** Shared with other replies. Default: its own budget. */
  budget?: SendBudget;
  statusLine?: (names: string[]) => string;
}) {
  let outcome = "pending";
  const reply = createReply({
    statusLine: (names) => `${names.join(", ")}…`,
    budget: createSendBudget({ clock: parts.clock }),
    ...parts,
    store: {
      recordSending: async () => undefined,
      recordNotSent: async () => undefined,
      confirm: async () => undefined,
      savePages: async () => undefined,
      async markDelivered() {
        outcome = "delivered";
      },
      async markUndeliverable(reason) {
        outcome = reason;
      },
    },
    shownLength: 0,
    isWorthRetrying: () => false,
    begin: async () => [],
    askedAt: null,
    logger: createLogger({ level: "silent", pretty: false }),
  });
  return {
    reply,
    outcome: () => outcome,
    say: (delta: string) => reply.emit({ type: "text-delta", delta }),
    end: (finalText: string) =>
      reply.emit({
        type: "run-end",
        outcome: { status: "completed", errorCode: null, errorMessage: null },
        finalText,
      }),
  };
}
