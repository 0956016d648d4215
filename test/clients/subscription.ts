/** What a dashboard subscribes with to see a thread grow, and what came of it. */

export const FOLLOW = `subscription ($threadId: ID!, $after: String) {
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

export interface Followed {
  readonly events: readonly Activity[];
  add(event: Activity): void;
  /** The texts of all messages, in the order in which they came. */
  texts(): string[];
  /** Where to go on from. */
  lastCursor(): string | undefined;
  /** Resolves once the condition holds; it is looked at after each event. */
  until(holds: (events: readonly Activity[]) => boolean): Promise<void>;
}

export function createFollowed(): Followed {
  const events: Activity[] = [];
  const waiting = new Set<() => void>();
  return {
    events,
    add(event) {
      events.push(event);
      for (const look of waiting) look();
    },
    texts: () => events.flatMap(({ message }) => message?.text ?? []),
    lastCursor: () => events.at(-1)?.cursor,
    until(holds) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const look = () => {
        if (!holds(events)) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
      return promise;
    },
  };
}
