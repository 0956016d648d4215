/** The subscription of a dashboard to a thread, and a log of its events. */

export const SUBSCRIPTION = `subscription ($threadId: ID!, $after: String) {
  threadActivity(threadId: $threadId, after: $after) {
    __typename
    ... on ActivityStarted { cursor repliesInProgress { text run { id } } }
    ... on MessageAdded { cursor message { role text } }
    ... on ReplyText { cursor run { id } offset delta }
    ... on RunChanged { cursor run { id status } }
    ... on ToolCallChanged { cursor toolCall { name status output } }
  }
}`;

export interface Activity {
  __typename: "ActivityStarted" | "MessageAdded" | "ReplyText" | "RunChanged" | "ToolCallChanged";
  cursor: string;
  repliesInProgress?: { text: string; run: { id: string } }[];
  message?: { role: string; text: string };
  run?: { id: string; status?: string };
  offset?: number;
  delta?: string;
  toolCall?: { name: string; status: string; output: unknown };
}

export interface EventLog {
  readonly events: readonly Activity[];
  add(event: Activity): void;
  /** The texts of all messages, in the order of their events. */
  texts(): string[];
  /** The cursor to resume from. */
  lastCursor(): string | undefined;
  /** Resolves once the condition holds. It is checked after each event. */
  until(holds: (events: readonly Activity[]) => boolean): Promise<void>;
}

export function createEventLog(): EventLog {
  const events: Activity[] = [];
  const waiting = new Set<() => void>();
  return {
    events,
    add(event) {
      events.push(event);
      for (const check of waiting) check();
    },
    texts: () => events.flatMap(({ message }) => message?.text ?? []),
    lastCursor: () => events.at(-1)?.cursor,
    until(holds) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const check = () => {
        if (!holds(events)) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
      return promise;
    },
  };
}
