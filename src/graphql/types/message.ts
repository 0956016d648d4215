/** Messages, and the lists of them: over all threads, and of one. */
import {
  listMessages,
  listMessagesOfThread,
  type MessageFilter as MessageConditions,
  type MessageRow,
} from "../../db/queries/admin-messages.ts";
import { builder } from "../builder.ts";
import type { AdminContext } from "../context.ts";
import { openPage, type Page, type PageArguments } from "../page.ts";
import { listCost, MessageConnection, pageArguments } from "./connections.ts";
import { DateTimeRange, isDescending, OrderDirection } from "./inputs.ts";
import { Message, Run, StaffMember, Thread } from "./nodes.ts";

export const MessageRole = builder.enumType("MessageRole", {
  description: "Who said a message.",
  values: {
    USER: { value: "user", description: "A staff member." },
    ASSISTANT: { value: "assistant", description: "The Assistant." },
  } satisfies Record<string, { value: MessageRow["role"]; description: string }>,
});

Message.implement({
  description: "What a staff member or the Assistant said, kept exactly.",
  fields: (t) => ({
    thread: t.field({ type: Thread, description: "The conversation it belongs to.", resolve: (row) => row.threadId }),
    role: t.expose("role", { type: MessageRole, description: "Who said it." }),
    text: t.exposeString("text", { description: "Its whole text; the Assistant's is Markdown." }),
    author: t.field({
      type: StaffMember,
      nullable: true,
      description: "The staff member who said it; null for the Assistant.",
      resolve: (row) => row.authorId,
    }),
    run: t.field({
      type: Run,
      nullable: true,
      description: "The run that answers it or, for the Assistant's, that said it; null where none was begun.",
      resolve: (row) => row.runId,
    }),
    createdAt: t.expose("createdAt", { type: "DateTime", description: "When it was stored." }),
    completedAt: t.expose("completedAt", {
      type: "DateTime",
      nullable: true,
      description: "When it was whole; null for an answer that was cut short.",
    }),
  }),
});

const MessageFilter = builder.inputType("MessageFilter", {
  description: "Which messages; all conditions given must hold.",
  fields: (t) => ({
    threadId: t.globalID({ for: Thread, description: "Of this thread." }),
    role: t.field({ type: MessageRole, description: "Said by a staff member, or by the Assistant." }),
    authorId: t.globalID({ for: StaffMember, description: "Said by this staff member." }),
    text: t.string({ description: "With these letters in the text, whatever their case." }),
    created: t.field({ type: DateTimeRange, description: "Stored in this time." }),
  }),
});

const MessageOrderField = builder.enumType("MessageOrderField", {
  description: "By what messages can be ordered.",
  values: {
    CREATED_AT: { value: "createdAt", description: "When they were said; within a thread their exact order there." },
  } as const,
});

const MessageOrder = builder.inputType("MessageOrder", {
  description: "An order of messages.",
  fields: (t) => ({
    field: t.field({ type: MessageOrderField, required: true, description: "By what." }),
    direction: t.field({ type: OrderDirection, required: true, description: "Which end comes first." }),
  }),
});

/** The arguments of every list of messages. */
export const messageArguments = builder.args((t) => ({
  ...pageArguments,
  filter: t.field({ type: MessageFilter, description: "Which of them." }),
  orderBy: t.field({ type: MessageOrder, description: "In which order." }),
}));

type Arguments = PageArguments & {
  readonly filter?: typeof MessageFilter.$inferInput | null | undefined;
  readonly orderBy?: typeof MessageOrder.$inferInput | null | undefined;
};

/** The messages of a thread, in the order in which they were said unless ordered otherwise. */
export function openMessagesOfThread(context: AdminContext, threadId: string, args: Arguments): Page<MessageRow> {
  const listing = listMessagesOfThread(toConditions(args));
  return openPage(context, { listing, parentId: threadId, descending: isDescending(args.orderBy, false), args });
}

builder.queryField("messages", (t) =>
  t.field({
    type: MessageConnection,
    description: "The messages of all threads, to search in; the newest first unless ordered otherwise.",
    args: messageArguments,
    complexity: listCost,
    resolve: (_, args, context) => openMessages(context, args),
  }),
);

function openMessages(context: AdminContext, args: Arguments): Page<MessageRow> {
  const descending = isDescending(args.orderBy);
  const threadId = args.filter?.threadId?.id;
  if (threadId === undefined) return openPage(context, { listing: listMessages(toConditions(args)), descending, args });
  // Within one thread a message's position is its order, and the index that leads to them.
  const listing = listMessagesOfThread(toConditions(args));
  return openPage(context, { listing, parentId: threadId, descending, args });
}

function toConditions({ filter }: Arguments): MessageConditions {
  return { ...filter, threadId: filter?.threadId?.id, authorId: filter?.authorId?.id };
}
