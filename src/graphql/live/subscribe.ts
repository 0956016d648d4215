/**
 * Runs subscriptions: each event is put into the words of the subscriber's document.
 *
 * Many dashboards ask the same: an event that several get under the same document and variables is worked out once, and what
 * it loads on the way is loaded once for all of them. Nothing loaded for one event is used for the next.
 */
import {
  createSourceEventStream,
  type DocumentNode,
  type ExecutionResult,
  executeSubscriptionEvent,
  GraphQLError,
  Kind,
  type VariableNode,
  validateSubscriptionArgs,
  visit,
} from "graphql";
import type { Plugin } from "graphql-yoga";
import type { AdminContext } from "../context.ts";
import type { ActivityEvent } from "./follow.ts";

type SubscriptionArgs = Exclude<ReturnType<typeof validateSubscriptionArgs>, readonly GraphQLError[]>;

/** `contextFor`: a context in which nothing is loaded yet, with the rights of the given one. */
export function shareEvents(contextFor: (context: AdminContext) => AdminContext): Plugin {
  const share = createSharing(contextFor);
  return {
    onSubscribe({ setSubscribeFn }) {
      setSubscribeFn(async (args) => {
        const validated = validateSubscriptionArgs(args);
        if (!("document" in validated)) return { errors: validated };
        const source = await createSourceEventStream(validated);
        if (!(Symbol.asyncIterator in source)) return source;
        return mapEvents(source as AsyncIterable<ActivityEvent>, share(validated, args.document));
      });
    },
  };
}

/** The answer to one event for one subscriber; worked out once for all who ask the same. */
type Answer = (event: ActivityEvent) => Promise<ExecutionResult>;

function createSharing(contextFor: (context: AdminContext) => AdminContext) {
  const contexts = new WeakMap<object, Map<string, AdminContext>>();
  const answers = new WeakMap<ActivityEvent, Map<DocumentNode, Map<string, Promise<ExecutionResult>>>>();
  return (args: SubscriptionArgs, document: DocumentNode): Answer => {
    const own = args.contextValue as AdminContext;
    const rights = own.admin?.scope ?? "nobody";
    const wish = JSON.stringify([rights, args.operation.name?.value, variablesInAnswer(args, document)]);
    return (event) => {
      const byRights = getOrMake(contexts, event.readAt, () => new Map());
      const contextValue = getOrMake(byRights, rights, () => contextFor(own));
      const byDocument = getOrMake(answers, event, () => new Map());
      const ofDocument: Map<string, Promise<ExecutionResult>> = getOrMake(byDocument, document, () => new Map());
      return getOrMake(ofDocument, wish, async () =>
        executeSubscriptionEvent({ ...args, rootValue: event, contextValue }),
      );
    };
  };
}

/** Those that the events are shown by. The subscription's own arguments, `after` above all, differ among equal dashboards. */
function variablesInAnswer({ rawVariableValues, operation }: SubscriptionArgs, document: DocumentNode) {
  const names = new Set<string>();
  const note = { Variable: ({ name }: VariableNode) => void names.add(name.value) };
  for (const selection of operation.selectionSet.selections) {
    if (selection.kind === Kind.FIELD && selection.selectionSet) visit(selection.selectionSet, note);
  }
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) visit(definition, note);
  }
  return [...names].sort().map((name) => [name, rawVariableValues?.[name]]);
}

/** By hand instead of a generator, so that `return()` reaches a source that waits. */
function mapEvents(source: AsyncIterable<ActivityEvent>, answer: Answer): AsyncIterableIterator<ExecutionResult> {
  const events = source[Symbol.asyncIterator]();
  let isOver = false;
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      if (isOver) return { done: true, value: undefined };
      try {
        const { done, value } = await events.next();
        return done ? { done: true, value: undefined } : { done: false, value: await answer(value) };
      } catch (error) {
        // As the last event: a stream that only breaks off would not say why.
        isOver = true;
        return { done: false, value: { errors: [toGraphQLError(error)] } };
      }
    },
    async return() {
      isOver = true;
      await events.return?.();
      return { done: true, value: undefined };
    },
  };
}

function toGraphQLError(error: unknown): GraphQLError {
  const cause = error instanceof Error ? error : new Error(String(error));
  return new GraphQLError(cause.message, { originalError: cause });
}

function getOrMake<Key, Value>(
  store: { get(key: Key): Value | undefined; set(key: Key, value: Value): unknown },
  key: Key,
  make: () => Value,
): Value {
  const found = store.get(key);
  if (found !== undefined) return found;
  const made = make();
  store.set(key, made);
  return made;
}
