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
  description: "Where a conversation takes place.",
  values: {
    PRIVATE: { value: "private", description: "With one person in Telegram." },
    GROUP: { value: "group", description: "In a Telegram group." },
    SUPERGROUP: { value: "supergroup", description: "In a Telegram supergroup, which may have topics." },
    TERMINAL: { value: "terminal", description: "In a terminal, by the command `ask`." },
  } satisfies Record<string, { value: ChatRow["type"]; description: string }>,
});

Chat.implement({
  description: "A private chat or a group that the bot is in.",
  fields: (t) => ({
    type: t.expose("type", { type: ChatType, description: "Where it takes place." }),
    title: t.exposeString("title", { nullable: true, description: "The group's title, or the person's name." }),
    telegramId: fromColumns(t, "telegramId").id({
      nullable: true,
      description: "Telegram's id; it changes when a group becomes a supergroup. Null for the terminal.",
      resolve: (row) => (row.telegramId === null ? null : String(row.telegramId)),
    }),
  }),
});

const ThreadStatus = builder.enumType("ThreadStatus", {
  description: "Whether a conversation goes on.",
  values: {
    OPEN: { value: "open", description: "The next message of its chat or topic belongs to it." },
    CLOSED: { value: "closed", description: "It was ended, by `/new` for one." },
  } satisfies Record<string, { value: ThreadRow["status"]; description: string }>,
});

Thread.implement({
  description: "One conversation of one chat or forum topic.",
  fields: (t) => ({
    chat: t.expose("chatId", { type: Chat, ...joined, description: "Where it takes place." }),
    title: t.exposeString("title", { nullable: true, description: "Its first question, shortened; null before one." }),
    status: t.expose("status", { type: ThreadStatus, description: "Whether it goes on." }),
    createdAt: t.expose("createdAt", { type: "DateTime", description: "When it began." }),
    lastActivityAt: t.expose("lastActivityAt", {
      type: "DateTime",
      description: "When something last happened in it.",
    }),
    messageCount: t.int({ description: "How many messages it has.", ...loaded(messageCountOf, loadMessageCount) }),
    lastMessage: t.field({
      type: Message,
      nullable: true,
      description: "Its last message; null where there is none.",
      args: { role: t.arg({ type: MessageRole, description: "The last one of a staff member, or of the Assistant." }) },
      ...lastOf(({ role }: { role?: MessageRow["role"] | null | undefined }) => messagesOfThread(role)),
    }),
    messages: t.field({
      type: MessageConnection,
      description: "Its messages, in the order in which they were said unless ordered otherwise.",
      args: messageArguments,
      ...listOfRow(openMessagesOfThread),
    }),
    runs: t.field({
      type: RunConnection,
      description: "Its runs, the newest first unless ordered otherwise.",
      args: runArguments,
      ...listOfRow(openRunsOfThread),
    }),
    toolCalls: t.field({
      type: ToolCallConnection,
      description: "The tool calls of all its runs, the newest first unless ordered otherwise.",
      args: toolCallArguments,
      ...listOfRow(openToolCallsOfThread),
    }),
    cost: t.field({
      type: Cost,
      description: "What all its runs cost.",
      resolve: (row, _, context) => loadThreadCost(context, row.id),
    }),
  }),
});

const ThreadFilter = builder.inputType("ThreadFilter", {
  description: "Which threads; all conditions given must hold.",
  fields: (t) => ({
    chatId: t.globalID({ for: Chat, description: "Of this chat." }),
    chatType: t.field({ type: [ChatType], description: "In chats of one of these types." }),
    status: t.field({ type: ThreadStatus, description: "Those that go on, or those that ended." }),
    staffMemberId: t.globalID({ for: StaffMember, description: "In which this staff member said something." }),
    created: t.field({ type: DateTimeRange, description: "Begun in this time." }),
    lastActivity: t.field({ type: DateTimeRange, description: "In which something last happened in this time." }),
    hasFailedRuns: t.boolean({ description: "True: with a failed run. False: without any." }),
    usedTool: t.string({ description: "In which the tool with exactly this name was called." }),
    costOver: t.field({
      type: "Decimal",
      description: "Whose runs cost more than this together in US dollars, as far as their prices are known.",
    }),
    text: t.string({ description: `With a message: ${SEARCH_DESCRIPTION}` }),
    minimumMessages: t.int({ description: "With at least so many messages; 0 or more." }),
  }),
});

const ThreadOrderField = builder.enumType("ThreadOrderField", {
  description: "By what threads can be ordered.",
  values: {
    LAST_ACTIVITY_AT: { value: "lastActivityAt", description: "When something last happened in them." },
    CREATED_AT: { value: "createdAt", description: "When they began." },
  } as const,
});

const ThreadOrder = builder.inputType("ThreadOrder", {
  description: "An order of threads.",
  fields: (t) => ({
    field: t.field({ type: ThreadOrderField, required: true, description: "By what." }),
    direction: t.field({ type: OrderDirection, required: true, description: "Which end comes first." }),
  }),
});

builder.queryField("thread", (t) =>
  t.field({
    type: Thread,
    nullable: true,
    description: "The thread with this id, or null where there is none.",
    args: { id: t.arg.globalID({ for: Thread, required: true, description: "The thread's `id`." }) },
    resolve: (_, { id }) => id.id,
  }),
);

builder.queryField("threads", (t) =>
  t.field({
    type: ThreadConnection,
    description: "All threads, the one with the newest activity first unless ordered otherwise.",
    args: {
      ...pageArguments,
      filter: t.arg({ type: ThreadFilter, description: "Which of them." }),
      orderBy: t.arg({ type: ThreadOrder, description: "In which order." }),
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
