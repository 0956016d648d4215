/** Messages, and the lists of them: over all threads, and of one. */
import {
  findRevisions,
  listMessages,
  listMessagesOfThread,
  type MessageFilter as MessageConditions,
  type MessageRow,
  type RevisionRow,
} from "../../../db/queries/admin/messages.ts";
import { MAX_QUOTE_CHARACTERS } from "../../../db/queries/chat/quotes.ts";
import { builder } from "../../builder.ts";
import type { AdminContext } from "../../context.ts";
import { MAX_SEARCHED_LENGTH } from "../../lists/excerpts.ts";
import { encodeGlobalId } from "../../lists/ids.ts";
import { openPage, type Page, type PageArguments } from "../../lists/page.ts";
import { MessageConnection, pageArguments } from "../connections.ts";
import { DateTimeRange, isDescending, OrderDirection } from "../inputs.ts";
import { Chat, Message, Run, StaffMember, Thread } from "../nodes.ts";
import { fromColumns, joined, list } from "../reading.ts";
import { checkExcerptLimit, Excerpt, excerptArguments, excerptCost } from "./excerpt.ts";
import { Preview, previewArguments, previewOf } from "./preview.ts";

export const MessageRole = builder.enumType("MessageRole", {
  description: "Who wrote a message.",
  values: {
    USER: { value: "user", description: "A staff member." },
    ASSISTANT: { value: "assistant", description: "The Assistant." },
  } satisfies Record<string, { value: MessageRow["role"]; description: string }>,
});

const MessageRevision = builder.objectRef<RevisionRow>("MessageRevision").implement({
  description: "An edit of a message after its run had started. It is stored, but not answered.",
  fields: (t) => ({
    text: t.exposeString("text", { description: "The whole text after the edit." }),
    createdAt: t.expose("createdAt", { type: "DateTime", description: "When the edit was stored." }),
  }),
});

const MessageQuote = builder.objectRef<{ text: string; messageId: string | null }>("MessageQuote").implement({
  description: "What a staff member replied to in Telegram. The Assistant gets it unless it is for a higher role.",
  fields: (t) => ({
    text: t.exposeString("text", {
      description: `The part that the staff member selected, or else the text of the message. It ends in \`…\` after ${MAX_QUOTE_CHARACTERS.toLocaleString("en-US")} characters.`,
    }),
    messageId: t.id({
      nullable: true,
      description: "The `id` of the message; null if it is not stored here, such as a message to somebody else.",
      resolve: ({ messageId }) => messageId && encodeGlobalId("Message", messageId),
    }),
  }),
});

Message.implement({
  description: "A message of a staff member or the Assistant, stored exactly as written.",
  fields: (t) => ({
    thread: t.expose("threadId", { type: Thread, ...joined, description: "The thread of the message." }),
    role: t.expose("role", { type: MessageRole, description: "Who wrote the message." }),
    text: t.exposeString("text", { description: "The whole text. Messages of the Assistant are Markdown." }),
    preview: fromColumns(t, "text").field({
      type: Preview,
      description: "The beginning of the text.",
      args: previewArguments(200),
      resolve: (row, { length }) => previewOf(row.text, length),
    }),
    excerpts: fromColumns(t, "text").field({
      type: [Excerpt],
      description:
        "The parts of the text that match a search; empty if nothing matches. One request searches at most " +
        `${MAX_SEARCHED_LENGTH.toLocaleString("en-US")} characters. A text counts again for each different \`matching\`.`,
      args: excerptArguments,
      complexity: excerptCost,
      resolve: (row, { matching, limit }, context) =>
        context.findExcerpts(row.text, matching, checkExcerptLimit(limit)),
    }),
    forwarded: t.exposeBoolean("forwarded", {
      description: "Whether the staff member forwarded a message of somebody else.",
    }),
    quote: fromColumns(t, "quoteText", "quoteMessageId").field({
      type: MessageQuote,
      nullable: true,
      description: "What the staff member replied to; null for no reply, or if nothing is known of it.",
      resolve: ({ quoteText, quoteMessageId }) =>
        quoteText === null ? null : { text: quoteText, messageId: quoteMessageId },
    }),
    revisions: t.field({
      type: [MessageRevision],
      description: "The edits made after the run had started, oldest first; usually none.",
      resolve: (row, _, context) => loadRevisions(context, row.id),
    }),
    author: t.expose("authorId", {
      type: StaffMember,
      ...joined,
      nullable: true,
      description: "The staff member who wrote the message; null for the Assistant.",
    }),
    run: t.expose("runId", {
      type: Run,
      ...joined,
      nullable: true,
      description:
        "The run that answers the message. For a message of the Assistant, the run that wrote it. Null if there is none.",
    }),
    createdAt: t.expose("createdAt", { type: "DateTime", description: "When the message was stored." }),
    completedAt: t.expose("completedAt", {
      type: "DateTime",
      nullable: true,
      description: "When the message was complete; null for an answer that was cut short.",
    }),
  }),
});

/** The syntax of a search. It is the same for threads. */
export const SEARCH_DESCRIPTION =
  "The words may be in any order; case and accents are ignored: `ca phe` finds `Cà phê`. `bean*` finds every word that " +
  'starts with `bean` (at least three letters before the `*`). Words in quotation marks, as in `"iced latte"`, must ' +
  "follow each other. Punctuation separates words: `SKU-001` is two words. At most 200 characters and 20 words, and at " +
  "least one word. Only the first 100,000 characters of a message are searched.";

const MessageFilter = builder.inputType("MessageFilter", {
  description: "Filters messages. All given conditions must match.",
  fields: (t) => ({
    threadId: t.globalID({ for: Thread, description: "Messages of this thread." }),
    role: t.field({ type: MessageRole, description: "Messages of staff members, or of the Assistant." }),
    authorId: t.globalID({ for: StaffMember, description: "Messages of this staff member." }),
    chatId: t.globalID({ for: Chat, description: "Messages in this chat." }),
    runId: t.globalID({ for: Run, description: "The question and the answer of this run." }),
    text: t.string({ description: `Messages that contain all these words. ${SEARCH_DESCRIPTION}` }),
    created: t.field({ type: DateTimeRange, description: "Messages stored in this time range." }),
  }),
});

const MessageOrderField = builder.enumType("MessageOrderField", {
  description: "Fields by which messages can be ordered.",
  values: {
    CREATED_AT: { value: "createdAt", description: "By time; within a thread by their exact order." },
  } as const,
});

const MessageOrder = builder.inputType("MessageOrder", {
  description: "How to order messages.",
  fields: (t) => ({
    field: t.field({ type: MessageOrderField, required: true, description: "The field to order by." }),
    direction: t.field({ type: OrderDirection, required: true, description: "Ascending or descending." }),
  }),
});

/** The arguments of every list of messages. */
export const messageArguments = builder.args((t) => ({
  ...pageArguments,
  filter: t.field({ type: MessageFilter, description: "Filters the list." }),
  orderBy: t.field({ type: MessageOrder, description: "Orders the list." }),
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
    description: "The messages of all threads; newest first by default. The filter can search in their text.",
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
