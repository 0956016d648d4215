/** Messages, and the lists of them: over all threads, and of one. */
import {
  findRevisions,
  listMessages,
  listMessagesOfThread,
  type MessageFilter as MessageConditions,
  type MessageRow,
  type RevisionRow,
} from "../../../db/queries/admin/messages.ts";
import { builder } from "../../builder.ts";
import type { AdminContext } from "../../context.ts";
import { MAX_SEARCHED_LENGTH } from "../../lists/excerpts.ts";
import { openPage, type Page, type PageArguments } from "../../lists/page.ts";
import { MessageConnection, pageArguments } from "../connections.ts";
import { DateTimeRange, isDescending, OrderDirection } from "../inputs.ts";
import { Chat, Message, Run, StaffMember, Thread } from "../nodes.ts";
import { fromColumns, joined, list } from "../reading.ts";
import { checkExcerptLimit, Excerpt, excerptArguments, excerptCost } from "./excerpt.ts";
import { Preview, previewArguments, previewOf } from "./preview.ts";

export const MessageRole = builder.enumType("MessageRole", {
  description: "Who said a message.",
  values: {
    USER: { value: "user", description: "A staff member." },
    ASSISTANT: { value: "assistant", description: "The Assistant." },
  } satisfies Record<string, { value: MessageRow["role"]; description: string }>,
});

const MessageRevision = builder.objectRef<RevisionRow>("MessageRevision").implement({
  description: "What a staff member changed a message to when its run had begun already: kept, and never answered.",
  fields: (t) => ({
    text: t.exposeString("text", { description: "The whole text after the change." }),
    createdAt: t.expose("createdAt", { type: "DateTime", description: "When the change was stored." }),
  }),
});

Message.implement({
  description: "What a staff member or the Assistant said, kept exactly.",
  fields: (t) => ({
    thread: t.expose("threadId", { type: Thread, ...joined, description: "The conversation it belongs to." }),
    role: t.expose("role", { type: MessageRole, description: "Who said it." }),
    text: t.exposeString("text", { description: "Its whole text; the Assistant's is Markdown." }),
    preview: fromColumns(t, "text").field({
      type: Preview,
      description: "The beginning of its text.",
      args: previewArguments(200),
      resolve: (row, { length }) => previewOf(row.text, length),
    }),
    excerpts: fromColumns(t, "text").field({
      type: [Excerpt],
      description:
        "The places of its text where something stands that is looked for; none where nothing does. One request searches " +
        `${MAX_SEARCHED_LENGTH.toLocaleString("en-US")} characters at most, a text again for each other \`matching\`.`,
      args: excerptArguments,
      complexity: excerptCost,
      resolve: (row, { matching, limit }, context) =>
        context.findExcerpts(row.text, matching, checkExcerptLimit(limit)),
    }),
    forwarded: t.exposeBoolean("forwarded", {
      description: "Whether the staff member passed on what somebody else had written.",
    }),
    revisions: t.field({
      type: [MessageRevision],
      description: "What it was changed to after its run had begun, in the order of the changes; mostly none.",
      resolve: (row, _, context) => loadRevisions(context, row.id),
    }),
    author: t.expose("authorId", {
      type: StaffMember,
      ...joined,
      nullable: true,
      description: "The staff member who said it; null for the Assistant.",
    }),
    run: t.expose("runId", {
      type: Run,
      ...joined,
      nullable: true,
      description: "The run that answers it or, for the Assistant's, that said it; null where none was begun.",
    }),
    createdAt: t.expose("createdAt", { type: "DateTime", description: "When it was stored." }),
    completedAt: t.expose("completedAt", {
      type: "DateTime",
      nullable: true,
      description: "When it was whole; null for an answer that was cut short.",
    }),
  }),
});

/** The syntax of a search. It is the same for threads. */
export const SEARCH_DESCRIPTION =
  "In which all these words occur, in any order, whatever their case and accents: `ca phe` finds `Cà phê`. `bean*` finds " +
  'every word that begins so (three letters at least); words in quotation marks, as in `"iced latte"`, must follow one ' +
  "another. Signs count for nothing: `SKU-001` is two words. At most 200 characters and 20 words, and one word at least; " +
  "of a message the first 100,000 characters are searched.";

const MessageFilter = builder.inputType("MessageFilter", {
  description: "Which messages; all conditions given must hold.",
  fields: (t) => ({
    threadId: t.globalID({ for: Thread, description: "Of this thread." }),
    role: t.field({ type: MessageRole, description: "Said by a staff member, or by the Assistant." }),
    authorId: t.globalID({ for: StaffMember, description: "Said by this staff member." }),
    chatId: t.globalID({ for: Chat, description: "In this chat." }),
    runId: t.globalID({ for: Run, description: "Of this run: its question and its answer." }),
    text: t.string({ description: SEARCH_DESCRIPTION }),
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

/** The messages of a thread, in conversation order by default. */
export function openMessagesOfThread(context: AdminContext, threadId: string, args: Arguments): Page<MessageRow> {
  const listing = listMessagesOfThread(toConditions(args), context.environment.sandbox);
  return openPage(context, { listing, parentId: threadId, descending: isDescending(args.orderBy, false), args });
}

builder.queryField("messages", (t) =>
  t.field({
    type: MessageConnection,
    description: "The messages of all threads, to search in; the newest first unless ordered otherwise.",
    args: messageArguments,
    ...list(openMessages),
  }),
);

function openMessages(context: AdminContext, args: Arguments): Page<MessageRow> {
  const descending = isDescending(args.orderBy);
  const threadId = args.filter?.threadId?.id;
  if (threadId === undefined) {
    const listing = listMessages(toConditions(args), context.environment.sandbox);
    return openPage(context, { listing, descending, args });
  }
  // Within one thread, messages are ordered by their position, and the index on it finds them.
  const listing = listMessagesOfThread(toConditions(args), context.environment.sandbox);
  return openPage(context, { listing, parentId: threadId, descending, args });
}

function toConditions({ filter }: Arguments): MessageConditions {
  return {
    ...filter,
    threadId: filter?.threadId?.id,
    authorId: filter?.authorId?.id,
    chatId: filter?.chatId?.id,
    runId: filter?.runId?.id,
  };
}

function loadRevisions(context: AdminContext, messageId: string): Promise<readonly RevisionRow[]> {
  return context.load<readonly RevisionRow[]>("revisions", messageId, async (messageIds) => {
    const byMessage = Map.groupBy(await findRevisions(context.db, messageIds), (row) => row.messageId);
    return messageIds.map((id) => byMessage.get(id) ?? []);
  });
}
