/** Processes with replies, for tests: each has its own presenter, on one database and one Telegram. */
import { Api } from "grammy";
import { createTelegramStandIn, type TelegramStandIn } from "../../../sandbox/telegram/stand-in.ts";
import type { StandInChat } from "../../../sandbox/telegram/world/chat.ts";
import type { RunView } from "../../../src/assistant/worker/run-output.ts";
import { systemClock } from "../../../src/bot/budget/clock.ts";
import { createRateWindowStore } from "../../../src/bot/budget/rate-window-store.ts";
import { createSendBudget } from "../../../src/bot/budget/send-budget.ts";
import {
  createReplyPresenter,
  type ReplyPresenter,
  type ReplyPresenterDeps,
} from "../../../src/bot/reply/reply-presenter.ts";
import { HeldCallError } from "../../../src/bot/telegram/api-errors.ts";
import { receiveMessage } from "../../../src/db/queries/chat/conversations.ts";
import { endRun } from "../../../src/db/queries/runs/run-end.ts";
import { type ClaimedRun, claimRun } from "../../../src/db/queries/runs/run-queue.ts";
import type { WorkerLock } from "../../../src/db/worker-lock.ts";
import { createLogger } from "../../../src/observability/logger.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { takeLastingLock } from "../../support/worker-lock.ts";

const TOKEN = "4242:test-token-of-the-local-stand-in";
const COMPLETED = { status: "completed", errorCode: null, errorMessage: null } as const;

export interface Process {
  presenter: ReplyPresenter;
  lock: WorkerLock;
  claim(): Promise<ClaimedRun>;
  viewOf(run: ClaimedRun): RunView;
  /** Ends a run that it has claimed, as the worker does. */
  finish(run: ClaimedRun, text: string): Promise<void>;
  /** From now on no call to Telegram is made. */
  freeze(): void;
  /** Settles when a call was held back for that. */
  whenHeld: Promise<void>;
  wake(): void;
  createRateWindowStore(): Promise<void>;
  end(): Promise<void>;
}

export interface Scene {
  telegram: TelegramStandIn;
  store: TestDatabase;
  startProcess(options?: Partial<ReplyPresenterDeps>): Promise<Process>;
  /** A private chat that the bot may write in. */
  newChat(): StandInChat;
  /** Queues a question. */
  ask(chat: StandInChat, text: string): Promise<void>;
  /** Settles when the process has answered in another chat: it has sent everything before that. */
  answersElsewhere(process: Process): Promise<void>;
  close(): Promise<void>;
}

/** A Telegram and a database without a process yet. */
export async function createScene(): Promise<Scene> {
  const telegram = await createTelegramStandIn({ token: TOKEN });
  const store = await createTestDatabase();
  const processes: Process[] = [];
  let updateId = 0;
  const scene: Scene = {
    telegram,
    store,
    async startProcess(options = {}) {
      const started = await startProcess(scene, options);
      processes.push(started);
      return started;
    },
    newChat() {
      const chat = telegram.privateChat(telegram.person({ first_name: "Linh" }));
      chat.send("hello");
      return chat;
    },
    async ask(chat, text) {
      updateId += 1;
      await receiveMessage(store.db, {
        chat: { type: "private", botId: telegram.bot.id, telegramId: chat.id, title: null },
        topicId: null,
        updateId,
        author: { id: null, role: "staff" },
        language: "en",
        text,
        forwarded: false,
        telegramMessageId: updateId,
      });
    },
    async answersElsewhere(process) {
      const chat = scene.newChat();
      await scene.ask(chat, "elsewhere?");
      await process.finish(await process.claim(), "Elsewhere.");
      await chat.waitForBotMessage("Elsewhere.");
    },
    async close() {
      for (const each of processes) await each.end();
      await telegram.close();
      await store.close();
    },
  };
  return scene;
}

async function startProcess({ store, telegram }: Scene, options: Partial<ReplyPresenterDeps>): Promise<Process> {
  const logger = createLogger({ level: "silent", pretty: false });
  const lock = await takeLastingLock(store.database, telegram.bot.id);
  const api = new Api(TOKEN, { apiRoot: telegram.apiRoot });
  let isFrozen = false;
  const held = Promise.withResolvers<void>();
  api.config.use((call, method, payload, signal) => {
    if (isFrozen) {
      held.resolve();
      throw new HeldCallError();
    }
    return call(method, payload, signal);
  });
  const budget = createSendBudget();
  const deps = {
    db: store.db,
    botId: telegram.bot.id,
    budget,
    workerId: () => lock.workerId,
    clock: systemClock,
    logger,
  };
  const presenter = createReplyPresenter({ ...deps, api, toolLabel: (name) => name, ...options });
  const views = new Map<string, RunView>();
  const viewOf = ({ id }: ClaimedRun): RunView => {
    const view = views.get(id);
    if (!view) throw new Error("the run was not claimed here");
    return view;
  };
  return {
    presenter,
    lock,
    viewOf,
    async claim() {
      const run = await claimRun(store.db, { workerId: lock.workerId, botId: telegram.bot.id });
      if (!run) throw new Error("no run can be claimed");
      views.set(run.id, presenter.open(run));
      return run;
    },
    async finish(run, text) {
      const end = { outcome: COMPLETED, text, firstTokenAgeMs: 0, finalText: text };
      await endRun(store.db, run, end);
      viewOf(run).emit({ type: "run-end", outcome: COMPLETED, finalText: text });
    },
    freeze() {
      isFrozen = true;
    },
    whenHeld: held.promise,
    wake() {
      isFrozen = false;
    },
    createRateWindowStore: () => createRateWindowStore(deps).stop(),
    async end() {
      await presenter.stop(0);
      await lock.release();
    },
  };
}
