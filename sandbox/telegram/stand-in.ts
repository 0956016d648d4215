/**
 * A strict local stand-in for Telegram's Bot API, for tests and for the sandbox.
 *
 * To a bot it is an HTTP server that behaves like Telegram, including its errors and rate limits. To a test or the
 * sandbox's page it is an object with which people write messages, press buttons and read what the bot shows.
 */
import type { Update, User, UserFromGetMe } from "@grammyjs/types";
import { createDispatch } from "./dispatch.ts";
import { createFaults, type Faults } from "./faults.ts";
import { createFloodControl, type LimitCounts, type Limits, TELEGRAM_LIMITS } from "./flood-control.ts";
import type { Method } from "./methods/method.ts";
import { createMethodFinder } from "./methods/registry.ts";
import { startServer } from "./server.ts";
import { createUpdateFeed, type UpdateFeed } from "./updates/update-feed.ts";
import { type BotProfile, createBotProfile } from "./world/bot-profile.ts";
import { createCallLog, type RecordedCall } from "./world/call-log.ts";
import { type Changes, createChanges } from "./world/changes.ts";
import type { StandInChat } from "./world/chat.ts";
import { type ChatDirectory, createChatDirectory } from "./world/chat-directory.ts";
import { createWorld } from "./world/world.ts";

export interface StandInOptions {
  /** The token that the bot must send. A number before the colon is the bot's id. */
  token: string;
  botUser?: Partial<UserFromGetMe>;
  /** Default 0: any free port. */
  port?: number;
  /** The clock for dates and rate limits, in milliseconds. Long polls and latency use real time. */
  now?: () => number;
  /** Overrides single limits of Telegram; "none" disables them, for speed tests. */
  limits?: Partial<Limits> | "none";
  /** Round-trip time in milliseconds. Default 0. */
  latencyMs?: number;
  /** Delay before the first retry of a failed webhook delivery, in milliseconds. Default 100; it doubles up to 5,000. */
  webhookRetryMs?: number;
  /**
   * The first update id and message id. Telegram never reuses ids: if a database outlives the stand-in, each new stand-in
   * needs a higher number.
   */
  firstId?: number;
  /** Additional methods, for calls that this product never makes. They replace built-in methods of the same name. */
  methods?: readonly Method[];
}

const FIRST_UPDATE_ID = 700_000_001;
/** In a supergroup, message 1 is the service message about its creation; 1 is also the id of "General". */
const FIRST_MESSAGE_ID = 2;

export interface TelegramStandIn
  extends Pick<Faults, "failNext">,
    Pick<Changes, "onChange" | "waitFor">,
    Pick<ChatDirectory, "person" | "privateChat" | "group"> {
  /** The Bot API's address for the bot. */
  readonly apiRoot: string;
  readonly bot: UserFromGetMe;
  /** The stand-in's clock, in milliseconds. */
  now(): number;
  /** Answers every call to this chat with 429 for `seconds`. */
  freeze(chat: StandInChat, seconds: number): void;
  /** All calls so far, oldest first (at least the newest 10,000). */
  calls(): RecordedCall[];
  /** Accepted and refused calls of all chats. */
  limitCounts(): LimitCounts;
  /** Sends an update as it is, also of a kind that `allowed_updates` does not name: kinds that do not exist yet. */
  sendUpdate(update: Omit<Update, "update_id">): void;
  /** Updates that the bot has not confirmed yet. */
  pendingUpdates: UpdateFeed["pending"];
  /** The commands that `person` sees in the private chat with the bot. */
  commandsFor(person: User): ReturnType<BotProfile["visibleCommands"]>;
  /** The newest calls as lines of text. */
  describe(): string;
  /** Closes all connections. Pending `waitFor` calls keep waiting. */
  close(): Promise<void>;
}

/** Resolves when the server listens. */
export async function createTelegramStandIn(options: StandInOptions): Promise<TelegramStandIn> {
  const parts = createParts(options);
  const { callLog, world, updates, limits, faults, profile, onChange, waitFor } = parts;
  const dispatch = createDispatch(parts);
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
    now: world.now,
    onChange,
    waitFor,
    failNext: faults.failNext,
    freeze: (chat, seconds) => limits.freeze(chat.chat, seconds),
    calls: callLog.calls,
    limitCounts: () => limits.counts(),
    sendUpdate: updates.pushAny,
    pendingUpdates: updates.pending,
    commandsFor: (person) => profile.visibleCommands(person.id, person.language_code),
    describe: callLog.describe,
    close: () => {
      updates.close();
      return server.close();
    },
  };
}

function createParts(options: StandInOptions) {
  const { now = Date.now, firstId, webhookRetryMs = 100 } = options;
  const callLog = createCallLog();
  const changes = createChanges(callLog.describe);
  const { emit } = changes;
  return {
    ...changes,
    callLog,
    world: createWorld({ bot: createBotUser(options), now, emit, firstMessageId: firstId ?? FIRST_MESSAGE_ID }),
    updates: createUpdateFeed({ now, emit, webhookRetryMs, firstUpdateId: firstId ?? FIRST_UPDATE_ID }),
    limits: createFloodControl(resolveLimits(options.limits), now),
    faults: createFaults(),
    profile: createBotProfile(),
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
