/**
 * A strict local stand-in for Telegram's Bot API, for tests and for the sandbox.
 *
 * To a bot it is an HTTP server that behaves as Telegram does, refusals and limits included. To a test, or to the
 * sandbox's page, it is an object through which people write, press buttons and read what the bot shows.
 */
import type { User, UserFromGetMe } from "@grammyjs/types";
import { createDispatch } from "./dispatch.ts";
import { createFaults, type Faults } from "./faults.ts";
import { createLimitKeeper, type LimitCounts, type Limits, TELEGRAM_LIMITS } from "./flood-control.ts";
import type { Method } from "./methods/method.ts";
import { createMethodFinder } from "./methods/registry.ts";
import { startServer } from "./server.ts";
import { createUpdateFeed, type UpdateFeed } from "./updates/update-feed.ts";
import { type Changes, createChanges } from "./world/changes.ts";
import type { StandInChat } from "./world/chat.ts";
import { type ChatDirectory, createChatDirectory } from "./world/chat-directory.ts";
import { createCommandBook } from "./world/bot-profile.ts";
import { createTranscript, type RecordedCall } from "./world/call-log.ts";
import { createWorld } from "./world/world.ts";

export interface StandInOptions {
  /** The token that the bot must show. Its part before the colon, if a number, is the bot's id. */
  token: string;
  botUser?: Partial<UserFromGetMe>;
  /** Default 0: the system chooses. */
  port?: number;
  /** The clock of dates, limits and windows, in milliseconds. Waiting (long polls, latency) is in real time. */
  now?: () => number;
  /** Default: Telegram's. What is given replaces those figures one by one; "none" is for speed tests. */
  limits?: Partial<Limits> | "none";
  /** Time for the way there and back, in milliseconds. Default 0. */
  latencyMs?: number;
  /** First pause before a webhook that failed is tried again, in milliseconds. Default 100; it doubles up to 5,000. */
  webhookRetryMs?: number;
  /**
   * The first number of an update, and of a message (each chat goes on by itself from there). Who keeps a database over
   * several lives of the stand-in gives a higher one each time: Telegram's numbers never come twice.
   */
  firstId?: number;
  /** Methods besides the stand-in's own, and before one of the same name: what this product never calls is not there. */
  methods?: readonly Method[];
}

const FIRST_UPDATE_ID = 700_000_001;
/** A supergroup's message 1 tells of its creation; it is also the id of "General", which no topic has. */
const FIRST_MESSAGE_ID = 2;

export interface TelegramStandIn
  extends Pick<Faults, "failNext">,
    Pick<Changes, "onChange" | "waitFor">,
    Pick<ChatDirectory, "person" | "privateChat" | "group"> {
  /** What a bot takes as the Bot API's address. */
  readonly apiRoot: string;
  readonly bot: UserFromGetMe;
  /** The stand-in's clock, in milliseconds. */
  now(): number;
  /** From now on and for `seconds`, every call that names this chat is answered with 429. */
  freeze(chat: StandInChat, seconds: number): void;
  /** Every call so far, oldest first (the newest ten thousand at least). */
  calls(): RecordedCall[];
  /** Accepted and refused calls over all chats. */
  limitCounts(): LimitCounts;
  /** Updates that the bot has not confirmed yet. */
  pendingUpdates: UpdateFeed["pending"];
  /** The commands that `person` sees in the private chat with the bot. */
  commandsFor(person: User): ReturnType<ReturnType<typeof createCommandBook>["visibleIn"]>;
  /** The newest calls as lines of text. */
  describe(): string;
  /** Ends every connection; what is waited for elsewhere goes on waiting. */
  close(): Promise<void>;
}

/** Listens when the promise resolves. */
export async function createTelegramStandIn(options: StandInOptions): Promise<TelegramStandIn> {
  const now = options.now ?? Date.now;
  const transcript = createTranscript();
  const { emit, onChange, waitFor } = createChanges(transcript.describe);
  const world = createWorld({
    bot: createBotUser(options),
    now,
    emit,
    firstMessageId: options.firstId ?? FIRST_MESSAGE_ID,
  });
  const updates = createUpdateFeed({
    now,
    emit,
    webhookRetryMs: options.webhookRetryMs ?? 100,
    firstUpdateId: options.firstId ?? FIRST_UPDATE_ID,
  });
  const limits = createLimitKeeper(resolveLimits(options.limits), now);
  const faults = createFaults();
  const commands = createCommandBook();
  const dispatch = createDispatch({ world, updates, commands, transcript, faults, limits, announce: emit });
  const { port = 0, latencyMs = 0, token } = options;
  const server = await startServer({
    token,
    port,
    latencyMs,
    findMethod: createMethodFinder(options.methods),
    dispatch,
  });
  return {
    ...createChatDirectory({ world, updates, limits, waitFor }),
    apiRoot: server.apiRoot,
    bot: world.bot,
    now,
    onChange,
    waitFor,
    failNext: faults.failNext,
    freeze: (chat, seconds) => limits.freeze(chat.chat, seconds),
    calls: transcript.calls,
    limitCounts: () => limits.counts(),
    pendingUpdates: updates.pending,
    commandsFor: (person) => commands.visibleIn(person.id, person.language_code),
    describe: transcript.describe,
    close: () => {
      updates.close();
      return server.close();
    },
  };
}

function resolveLimits(limits: StandInOptions["limits"]): Limits | "none" {
  return limits === "none" ? "none" : { ...TELEGRAM_LIMITS, ...limits };
}

function createBotUser({ token, botUser }: StandInOptions): UserFromGetMe {
  const id = Number.parseInt(token, 10);
  return {
    id: Number.isNaN(id) ? 4_200_000_001 : id,
    is_bot: true,
    first_name: "Counterhand",
    username: "counterhand_sandbox_bot",
    can_join_groups: true,
    can_read_all_group_messages: false,
    supports_inline_queries: false,
    can_connect_to_business: false,
    has_main_web_app: false,
    has_topics_enabled: false,
    allows_users_to_create_topics: false,
    can_manage_bots: false,
    supports_join_request_queries: false,
    ...botUser,
  };
}
