/** The two subscriptions, and their events. */
import type { ReplyInProgress as ReplyInProgressRow } from "../../../db/queries/admin/activity.ts";
import type { ActivityScope, ChangeKind } from "../../../db/queries/admin/changes.ts";
import { builder } from "../../builder.ts";
import type { AdminContext } from "../../context.ts";
import { unauthenticated } from "../../guards/auth.ts";
import { type ActivityEvent, createSourceStream, type SourceStreamRequest } from "../../live/source-stream.ts";
import { Chat, Message, Run, Thread, ToolCall } from "../nodes.ts";

type Change = ActivityEvent["change"];
type ChangeOf<Kind extends Change["kind"]> = Extract<Change, { kind: Kind }>;
type EventOf<Kind extends Change["kind"]> = ActivityEvent & { readonly change: ChangeOf<Kind> };

const CURSOR = "Where you stand after this event: give it as `after` when you come back.";

const ActivityType = builder.enumType("ActivityType", {
  description: "A kind of event.",
  values: {
    MESSAGE_ADDED: { value: "message", description: "`MessageAdded`." },
    REPLY_TEXT: { value: "text", description: "`ReplyText`." },
    RUN_CHANGED: { value: "run", description: "`RunChanged`." },
    TOOL_CALL_CHANGED: { value: "toolCall", description: "`ToolCallChanged`." },
  } as const,
});

const ActivityEventType = builder.interfaceRef<ActivityEvent>("ActivityEvent").implement({
  description: "What every event has.",
  fields: (t) => ({ cursor: t.exposeString("cursor", { description: CURSOR }) }),
});

const ReplyInProgress = builder.objectRef<ReplyInProgressRow>("ReplyInProgress").implement({
  description: "An answer in the making.",
  fields: (t) => ({
    run: t.field({ type: Run, description: "The run that makes it.", resolve: ({ run }) => run }),
    text: t.exposeString("text", { description: "Its text so far: `ReplyText` goes on at its end." }),
  }),
});

const ActivityStarted = builder.objectRef<EventOf<"started">>("ActivityStarted").implement({
  interfaces: [ActivityEventType],
  description:
    "The first event of a subscription without `after`: what is in the making. Read the rest by a query now; what changes meanwhile comes as events.",
  fields: (t) => ({
    repliesInProgress: t.field({
      type: [ReplyInProgress],
      description: "The answers in the making, the oldest first; at most 500.",
      resolve: ({ change }) => [...change.repliesInProgress],
    }),
  }),
});

const MessageAdded = builder.objectRef<EventOf<"message">>("MessageAdded").implement({
  interfaces: [ActivityEventType],
  description: "A message was said, or its text was edited before it was answered.",
  fields: (t) => ({
    thread: t.field({ type: Thread, description: "Where.", resolve: ({ change }) => change.thread }),
    message: t.field({ type: Message, description: "The message.", resolve: ({ change }) => change.message }),
  }),
});

const ReplyText = builder.objectRef<EventOf<"text">>("ReplyText").implement({
  interfaces: [ActivityEventType],
  description:
    "An answer has grown, at most five times a second. Put `delta` at `offset` and drop what stood there: after a takeover a part is written anew. The whole answer comes as `MessageAdded`.",
  fields: (t) => ({
    thread: t.field({ type: Thread, description: "Where.", resolve: ({ change }) => change.thread }),
    run: t.field({ type: Run, description: "The run that says it.", resolve: ({ change }) => change.run }),
    offset: t.int({
      description: "Where `delta` begins in the whole answer, in UTF-16 units, as JavaScript counts.",
      resolve: ({ change }) => change.from,
    }),
    delta: t.string({ description: "The next piece of the text.", resolve: ({ change }) => change.delta }),
  }),
});

const RunChanged = builder.objectRef<EventOf<"run" | "delivery">>("RunChanged").implement({
  interfaces: [ActivityEventType],
  description:
    "A run was queued, went on or ended, or its delivery did. It shows the run as it was when this was read.",
  fields: (t) => ({
    thread: t.field({ type: Thread, description: "Where.", resolve: ({ change }) => change.thread }),
    run: t.field({ type: Run, description: "The run.", resolve: ({ change }) => change.run }),
  }),
});

const ToolCallChanged = builder.objectRef<EventOf<"toolCall">>("ToolCallChanged").implement({
  interfaces: [ActivityEventType],
  description: "The model asked for a tool call, it began, or it ended.",
  fields: (t) => ({
    thread: t.field({ type: Thread, description: "Where.", resolve: ({ change }) => change.thread }),
    toolCall: t.field({ type: ToolCall, description: "The tool call.", resolve: ({ change }) => change.toolCall }),
  }),
});

const TYPE_OF: Record<Change["kind"], string> = {
  started: "ActivityStarted",
  message: "MessageAdded",
  text: "ReplyText",
  run: "RunChanged",
  delivery: "RunChanged",
  toolCall: "ToolCallChanged",
};

const ThreadActivity = builder.unionType("ThreadActivity", {
  description:
    "Something that happened. Each event has a cursor, and tells a state: what changed twice at once comes once.",
  types: [ActivityStarted, MessageAdded, ReplyText, RunChanged, ToolCallChanged],
  resolveType: (event) => TYPE_OF[(event as ActivityEvent).change.kind],
});

const ActivityFilter = builder.inputType("ActivityFilter", {
  description: "Which events; all conditions given must hold.",
  fields: (t) => ({
    threadId: t.globalID({ for: Thread, description: "In this thread." }),
    chatId: t.globalID({ for: Chat, description: "In the threads of this chat." }),
    types: t.field({ type: [ActivityType], description: "Of one of these kinds." }),
  }),
});

builder.subscriptionType({
  description: "What happens, as it happens. Each field needs a valid admin token, as long as it goes on.",
  authScopes: { reader: true },
});

builder.subscriptionField("threadActivity", (t) =>
  t.field({
    type: ThreadActivity,
    description: "What happens in a thread from now on, or since a cursor.",
    args: {
      threadId: t.arg.globalID({ for: Thread, description: "The thread's `id`; all threads when left out." }),
      after: t.arg.string({ description: "The cursor of the last event that you have: nothing since then is missed." }),
    },
    subscribe: (_, { threadId, after }, context) =>
      follow(context, { scope: { threadId: threadId?.id }, kinds: null, after: after ?? null }),
    resolve: toEvent,
  }),
);

builder.subscriptionField("activity", (t) =>
  t.field({
    type: ThreadActivity,
    description: "What happens in all threads from now on, or since a cursor.",
    args: {
      filter: t.arg({ type: ActivityFilter, description: "Which of it." }),
      after: t.arg.string({ description: "The cursor of the last event that you have: nothing since then is missed." }),
    },
    subscribe: (_, { filter, after }, context) =>
      follow(context, {
        scope: { threadId: filter?.threadId?.id, chatId: filter?.chatId?.id },
        kinds: kindsOf(filter?.types),
        after: after ?? null,
      }),
    resolve: toEvent,
  }),
);

function follow(
  { db, activity, admin, environment }: AdminContext,
  { scope, ...request }: { scope: Omit<ActivityScope, "sandbox"> } & Omit<SourceStreamRequest, "scope" | "tokenId">,
) {
  if (admin === null) throw unauthenticated();
  return createSourceStream(db, activity, {
    ...request,
    scope: { ...scope, sandbox: environment.sandbox },
    tokenId: admin.tokenId,
  });
}

/** TypeScript does not infer this: an event whose change is one of several types is one of several types of events. */
function toEvent(event: ActivityEvent) {
  return event as { [Kind in Change["kind"]]: EventOf<Kind> }[Change["kind"]];
}

function kindsOf(types: readonly ChangeKind[] | null | undefined): ReadonlySet<ChangeKind> | null {
  if (!types) return null;
  // The delivery of a run is part of the run.
  return new Set<ChangeKind>(types.includes("run") ? [...types, "delivery"] : types);
}
