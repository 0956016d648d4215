/** Threads and their chats, and the list of threads. */
import {
  countMessages,
  type MessageRow,
  messageCountOf,
  messagesOfThread,
} from "../../../db/queries/admin/messages.ts";
import {
  type ChatRow,
  listThreads,
  type ThreadFilter as ThreadConditions,
  type ThreadRow,
} from "../../../db/queries/admin/threads.ts";
import { builder } from "../../builder.ts";
import { type AdminContext, inOrderOf } from "../../context.ts";
import { openPage, type Page, type PageArguments } from "../../lists/page.ts";
import {
  MessageConnection,
  pageArguments,
  RunConnection,
  ThreadConnection,
  ToolCallConnection,
} from "../connections.ts";
import { parseCost } from "../decimal.ts";
import { DateTimeRange, isDescending, OrderDirection, refuseNegative } from "../inputs.ts";
import { Chat, Message, StaffMember, Thread } from "../nodes.ts";
import { fromColumns, joined, lastOf, list, listOfRow, loaded } from "../reading.ts";
import { Cost, loadThreadCost } from "../runs/cost.ts";
import { openRunsOfThread, runArguments } from "../runs/run-list.ts";
import { openToolCallsOfThread, toolCallArguments } from "../runs/tool-call.ts";
import { MessageRole, messageArguments, openMessagesOfThread, SEARCH_DESCRIPTION } from "./message.ts";

const ChatType = builder.enumType("ChatType", {
  description: "The type of a chat.",
  values: {
    PRIVATE: { value: "private", description: "A private Telegram chat with one person." },
    GROUP: { value: "group", description: "A Telegram group." },
    SUPERGROUP: { value: "supergroup", description: "A Telegram supergroup, which may have topics." },
    TERMINAL: { value: "terminal", description: "A terminal, with the command `ask`." },
  } satisfies Record<string, { value: ChatRow["type"]; description: string }>,
});

Chat.implement({
  description: "A private chat or a group with the bot, or a terminal.",
  fields: (t) => ({
    type: t.expose("type", { type: ChatType, description: "The type of the chat." }),
    title: t.exposeString("title", {
      nullable: true,
      description: "The title of the group, or the name of the person.",
    }),
    telegramId: fromColumns(t, "telegramId").id({
      nullable: true,
      description: "The id in Telegram. It changes when a group becomes a supergroup. Null for a terminal.",
      resolve: (row) => (row.telegramId === null ? null : String(row.telegramId)),
    }),
  }),
});

const ThreadStatus = builder.enumType("ThreadStatus", {
  description: "Whether a thread is open.",
  values: {
    OPEN: { value: "open", description: "The next message in its chat or topic belongs to this thread." },
    CLOSED: { value: "closed", description: "The thread was closed, e.g. with `/new`." },
  } satisfies Record<string, { value: ThreadRow["status"]; description: string }>,
});

Thread.implement({
  description: "One conversation in a chat or a forum topic.",
  fields: (t) => ({
    chat: t.expose("chatId", { type: Chat, ...joined, description: "The chat of the thread." }),
    title: t.exposeString("title", {
      nullable: true,
      description: "The first question, shortened; null before the first question.",
    }),
    status: t.expose("status", { type: ThreadStatus, description: "Whether the thread is open." }),
    createdAt: t.expose("createdAt", { type: "DateTime", description: "When the thread was created." }),
    lastActivityAt: t.expose("lastActivityAt", {
      type: "DateTime",
      description: "When something last happened in the thread.",
    }),
    messageCount: t.int({ description: "The number of messages.", ...loaded(messageCountOf, loadMessageCount) }),
    lastMessage: t.field({
      type: Message,
      nullable: true,
      description: "The last message; null if there is none.",
      args: {
        role: t.arg({ type: MessageRole, description: "The last message of a staff member, or of the Assistant." }),
      },
      ...lastOf(({ role }: { role?: MessageRow["role"] | null | undefined }) => messagesOfThread(role)),
    }),
    messages: t.field({
      type: MessageConnection,
      description: "The messages of the thread; in their exact order by default.",
      args: messageArguments,
      ...listOfRow(openMessagesOfThread),
    }),
    runs: t.field({
      type: RunConnection,
      description: "The runs of the thread; newest first by default.",
      args: runArguments,
      ...listOfRow(openRunsOfThread),
    }),
    toolCalls: t.field({
      type: ToolCallConnection,
      description: "The tool calls of all runs of the thread; newest first by default.",
      args: toolCallArguments,
      ...listOfRow(openToolCallsOfThread),
    }),
    cost: t.field({
      type: Cost,
      description: "The total cost of its runs.",
      resolve: (row, _, context) => loadThreadCost(context, row.id),
    }),
  }),
});

const ThreadFilter = builder.inputType("ThreadFilter", {
  description: "Filters threads. All given conditions must match.",
  fields: (t) => ({
    chatId: t.globalID({ for: Chat, description: "Threads of this chat." }),
    chatType: t.field({
      type: [ChatType],
      description: "Threads in chats of one of these types. An empty list matches nothing.",
    }),
    status: t.field({ type: ThreadStatus, description: "Threads with this status." }),
    staffMemberId: t.globalID({ for: StaffMember, description: "Threads with a message of this staff member." }),
    created: t.field({ type: DateTimeRange, description: "Threads created in this time range." }),
    lastActivity: t.field({ type: DateTimeRange, description: "Threads whose last activity is in this time range." }),
    hasFailedRuns: t.boolean({ description: "True: threads with a failed run. False: threads without one." }),
    usedTool: t.string({ description: "Threads in which the tool with exactly this name was called." }),
    costOver: t.field({
      type: "Decimal",
      description: "Threads whose runs cost more than this in total, in US dollars, as far as prices are known.",
    }),
    text: t.string({ description: `Threads with a message that contains all these words. ${SEARCH_DESCRIPTION}` }),
    minimumMessages: t.int({ description: "Threads with at least this many messages; 0 or more." }),
  }),
});

const ThreadOrderField = builder.enumType("ThreadOrderField", {
  description: "Fields by which threads can be ordered.",
  values: {
    LAST_ACTIVITY_AT: { value: "lastActivityAt", description: "By time of the last activity." },
    CREATED_AT: { value: "createdAt", description: "By time of creation." },
  } as const,
});

const ThreadOrder = builder.inputType("ThreadOrder", {
  description: "How to order threads.",
  fields: (t) => ({
    field: t.field({ type: ThreadOrderField, required: true, description: "The field to order by." }),
    direction: t.field({ type: OrderDirection, required: true, description: "Ascending or descending." }),
  }),
});

builder.queryField("thread", (t) =>
  t.field({
    type: Thread,
    nullable: true,
    description: "The thread with this id, or null if there is none.",
    args: { id: t.arg.globalID({ for: Thread, required: true, description: "The `id` of the thread." }) },
    resolve: (_, { id }) => id.id,
  }),
);

builder.queryField("threads", (t) =>
  t.field({
    type: ThreadConnection,
    description: "All threads; latest activity first by default.",
    args: {
      ...pageArguments,
      filter: t.arg({ type: ThreadFilter, description: "Filters the list." }),
      orderBy: t.arg({ type: ThreadOrder, description: "Orders the list." }),
    },
    ...list(openThreads),
  }),
);

type Arguments = PageArguments & {
  readonly filter?: typeof ThreadFilter.$inferInput | null | undefined;
  readonly orderBy?: typeof ThreadOrder.$inferInput | null | undefined;
};

function openThreads(context: AdminContext, args: Arguments): Page<ThreadRow> {
  const { db, environment } = context;
  const order = args.orderBy?.field ?? "lastActivityAt";
  const listing = listThreads(db, toConditions(args.filter), order, environment.sandbox);
  return openPage(context, { listing, descending: isDescending(args.orderBy), args });
}

function toConditions(filter: typeof ThreadFilter.$inferInput | null | undefined): ThreadConditions {
  refuseNegative("minimumMessages", filter?.minimumMessages);
  return {
    ...filter,
    chatId: filter?.chatId?.id,
    staffMemberId: filter?.staffMemberId?.id,
    costOver: parseCost(filter?.costOver, "costOver"),
  };
}

function loadMessageCount(context: AdminContext, threadId: string): Promise<number> {
  return context.load("messageCount", threadId, async (threadIds) => {
    const counts = await countMessages(context.db, threadIds);
    return inOrderOf(threadIds, counts, (row) => row.threadId, null).map((row) => row?.count ?? 0);
  });
}
