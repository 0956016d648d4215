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

const CURSOR = "The position after this event. Pass it as `after` to resume the subscription.";

const ActivityType = builder.enumType("ActivityType", {
  description: "The type of an event.",
  values: {
    MESSAGE_ADDED: { value: "message", description: "`MessageAdded` events." },
    REPLY_TEXT: { value: "text", description: "`ReplyText` events." },
    RUN_CHANGED: { value: "run", description: "`RunChanged` events." },
    TOOL_CALL_CHANGED: { value: "toolCall", description: "`ToolCallChanged` events." },
  } as const,
});

const ActivityEventType = builder.interfaceRef<ActivityEvent>("ActivityEvent").implement({
  description: "Fields that all events have.",
  fields: (t) => ({ cursor: t.exposeString("cursor", { description: CURSOR }) }),
});

const ReplyInProgress = builder.objectRef<ReplyInProgressRow>("ReplyInProgress").implement({
  description: "An answer that is being written.",
  fields: (t) => ({
    run: t.field({ type: Run, description: "The run that writes the answer.", resolve: ({ run }) => run }),
    text: t.exposeString("text", { description: "The text so far. `ReplyText` events continue at its end." }),
  }),
});

const ActivityStarted = builder.objectRef<EventOf<"started">>("ActivityStarted").implement({
  interfaces: [ActivityEventType],
  description:
    "The first event of a subscription without `after`. It has the answers in progress. Query all other data now; later changes arrive as events.",
  fields: (t) => ({
    repliesInProgress: t.field({
      type: [ReplyInProgress],
      description: "The answers in progress, oldest first, at most 500.",
      resolve: ({ change }) => [...change.repliesInProgress],
    }),
  }),
});

const MessageAdded = builder.objectRef<EventOf<"message">>("MessageAdded").implement({
  interfaces: [ActivityEventType],
  description: "A message was added, or was edited before it was answered.",
  fields: (t) => ({
    thread: t.field({
      type: Thread,
      description: "The thread of the message.",
      resolve: ({ change }) => change.thread,
    }),
    message: t.field({ type: Message, description: "The message.", resolve: ({ change }) => change.message }),
  }),
});

const ReplyText = builder.objectRef<EventOf<"text">>("ReplyText").implement({
  interfaces: [ActivityEventType],
  description:
    "An answer has grown; sent at most five times a second. Replace all text from `offset` on with `delta`: after a worker takeover, a part of the answer is written again. The complete answer arrives as `MessageAdded`.",
  fields: (t) => ({
    thread: t.field({ type: Thread, description: "The thread of the run.", resolve: ({ change }) => change.thread }),
    run: t.field({ type: Run, description: "The run that writes the answer.", resolve: ({ change }) => change.run }),
    offset: t.int({
      description: "The start of `delta` in the whole answer, in UTF-16 code units (like JavaScript strings).",
      resolve: ({ change }) => change.from,
    }),
    delta: t.string({ description: "The next piece of the text.", resolve: ({ change }) => change.delta }),
  }),
});

const RunChanged = builder.objectRef<EventOf<"run" | "delivery">>("RunChanged").implement({
  interfaces: [ActivityEventType],
  description:
    "A run was queued, changed or ended, or its delivery changed. The event shows the run as it was when the event was read.",
  fields: (t) => ({
    thread: t.field({ type: Thread, description: "The thread of the run.", resolve: ({ change }) => change.thread }),
    run: t.field({ type: Run, description: "The run.", resolve: ({ change }) => change.run }),
  }),
});

const ToolCallChanged = builder.objectRef<EventOf<"toolCall">>("ToolCallChanged").implement({
  interfaces: [ActivityEventType],
  description: "The model requested a tool call, or the call started or ended.",
  fields: (t) => ({
    thread: t.field({
      type: Thread,
      description: "The thread of the tool call.",
      resolve: ({ change }) => change.thread,
    }),
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
    "An event. It has a cursor and shows the current state, so two changes in a short time may cause one event.",
  types: [ActivityStarted, MessageAdded, ReplyText, RunChanged, ToolCallChanged],
  resolveType: (event) => TYPE_OF[(event as ActivityEvent).change.kind],
});

const ActivityFilter = builder.inputType("ActivityFilter", {
  description: "Filters events. All given conditions must match.",
  fields: (t) => ({
    threadId: t.globalID({ for: Thread, description: "Events in this thread." }),
    chatId: t.globalID({ for: Chat, description: "Events in the threads of this chat." }),
    types: t.field({ type: [ActivityType], description: "Events of one of these types." }),
  }),
});

builder.subscriptionType({
  description: "Events as they happen. Each field needs an admin token that stays valid during the subscription.",
  authScopes: { reader: true },
});

builder.subscriptionField("threadActivity", (t) =>
  t.field({
    type: ThreadActivity,
    description: "Events in one thread, from now on or after a cursor.",
    args: {
      threadId: t.arg.globalID({ for: Thread, description: "The `id` of the thread; all threads by default." }),
      after: t.arg.string({
        description: "The cursor of the last event that you received. No event after it is missed.",
      }),
    },
    subscribe: (_, { threadId, after }, context) =>
      follow(context, { scope: { threadId: threadId?.id }, kinds: null, after: after ?? null }),
    resolve: toEvent,
  }),
);

builder.subscriptionField("activity", (t) =>
  t.field({
    type: ThreadActivity,
    description: "Events in all threads, from now on or after a cursor.",
    args: {
      filter: t.arg({ type: ActivityFilter, description: "Filters the events." }),
      after: t.arg.string({
        description: "The cursor of the last event that you received. No event after it is missed.",
      }),
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
