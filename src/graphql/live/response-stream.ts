/**
 * Runs subscriptions: each event is put into the words of the subscriber's document.
 *
 * Many dashboards ask the same: an event that several get under the same document and variables is worked out once, and what
 * it loads on the way is loaded once for all of them: for the events that were read at once together. Nothing that was loaded
 * for one look at the database is used for the next.
 */
import {
  type ASTNode,
  createSourceEventStream,
  type DocumentNode,
  type ExecutionResult,
  executeSubscriptionEvent,
  GraphQLError,
  Kind,
  type SelectionSetNode,
  type ValidatedSubscriptionArgs,
  type VariableNode,
  validateSubscriptionArgs,
  visit,
} from "graphql";
import type { Plugin } from "graphql-yoga";
import type { AdminContext } from "../context.ts";
import { planEvents } from "../plan/make-plan.ts";
import { cachePlans } from "../plan/plan-cache.ts";
import { createEventAnswers } from "../plan/run-event-plan.ts";
import type { ActivityEvent } from "./source-stream.ts";
import { type Kept, keep } from "./memo.ts";

/** Events of one subscriber that are worked out at once, so that what they load is loaded together. */
const MAX_AHEAD = 50;

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

/** The answer to one event for one subscriber; worked out once for all who ask the same. It never rejects. */
type ToResult = (event: ActivityEvent) => ExecutionResult | Promise<ExecutionResult>;

function createSharing(contextFor: (context: AdminContext) => AdminContext) {
  const planOf = cachePlans(planEvents);
  return (args: ValidatedSubscriptionArgs, document: DocumentNode): ToResult => {
    const own = args.contextValue as AdminContext;
    const rights = own.admin?.scope ?? "nobody";
    const words = JSON.stringify([rights, args.operation.name?.value, variablesInAnswer(args, document)]);
    const planned = planOf(args.schema, document, args.operation);
    const answerPlanned = planned && createEventAnswers(planned, args);
    return (event) => {
      const ofDocument: Kept = keep(event.kept, document, () => new Map());
      return keep(ofDocument, words, () => {
        const contextValue = keep(event.keptOfRead, rights, () => contextFor(own));
        return answerPlanned?.(event, contextValue) ?? execute({ ...args, rootValue: event, contextValue });
      });
    };
  };
}

async function execute(args: ValidatedSubscriptionArgs): Promise<ExecutionResult> {
  try {
    return await executeSubscriptionEvent(args);
  } catch (error) {
    return toErrorResult(error);
  }
}

/** Those that the events are shown by. The subscription's own arguments, `after` above all, differ among equal dashboards. */
function variablesInAnswer({ rawVariableValues, operation }: ValidatedSubscriptionArgs, document: DocumentNode) {
  const names = new Set<string>();
  const note = (node: ASTNode) => visit(node, { Variable: ({ name }: VariableNode) => void names.add(name.value) });
  noteBelowRoot(operation.selectionSet, note);
  for (const definition of document.definitions) {
    // A fragment may stand at the root: then its fields' arguments are noted for nothing, and the events shared by fewer.
    if (definition.kind === Kind.FRAGMENT_DEFINITION) note(definition);
  }
  // One that is absent has its default, one that is null has not.
  const given = [...names].filter((name) => rawVariableValues?.[name] !== undefined);
  return given.sort().map((name) => [name, rawVariableValues?.[name]]);
}

/** All but the arguments of the root's field, also where it stands in a fragment without a name. */
function noteBelowRoot({ selections }: SelectionSetNode, note: (node: ASTNode) => void): void {
  for (const selection of selections) {
    selection.directives?.forEach(note);
    if (selection.kind === Kind.INLINE_FRAGMENT) noteBelowRoot(selection.selectionSet, note);
    else if (selection.kind === Kind.FIELD && selection.selectionSet) note(selection.selectionSet);
  }
}

/** By hand instead of a generator, so that `return()` reaches a source that waits: see `followActivity`. One `next()` at a time. */
function mapEvents(source: AsyncIterable<ActivityEvent>, toResult: ToResult): AsyncIterableIterator<ExecutionResult> {
  const events = source[Symbol.asyncIterator]();
  let answers: ReturnType<ToResult>[] = [];
  let isReading = false;
  let isOver = false;
  let taker: ((next: Next | Promise<Next>) => void) | undefined;

  const readAhead = () => {
    if (isReading || isOver || answers.length >= MAX_AHEAD) return;
    isReading = true;
    events.next().then(onEvent, onError);
  };
  const onEvent = ({ done, value }: IteratorResult<ActivityEvent>) => {
    isReading = false;
    try {
      if (done) isOver = true;
      else if (!isOver) answers.push(toResult(value));
    } catch (error) {
      return onError(error);
    }
    serve();
    readAhead();
  };
  const onError = (error: unknown) => {
    if (isOver) return;
    // As the last event: a stream that only breaks off would not say why.
    isOver = true;
    answers.push(toErrorResult(error));
    serve();
  };
  /** The next answer, to whoever waits for it. */
  const serve = () => {
    if (!taker || (answers.length === 0 && !isOver)) return;
    taker(take());
    taker = undefined;
  };
  const take = (): Next | Promise<Next> => {
    const next = answers.shift();
    if (next === undefined) return END;
    return next instanceof Promise ? next.then(toNext) : toNext(next);
  };

  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next() {
      const next =
        answers.length > 0 || isOver
          ? Promise.resolve(take())
          : new Promise<Next>((resolve) => {
              taker = resolve;
            });
      readAhead();
      return next;
    },
    async return() {
      isOver = true;
      answers = [];
      serve();
      await events.return?.();
      return END;
    },
  };
}

type Next = IteratorResult<ExecutionResult, undefined>;
const END: Next & { done: true } = { done: true, value: undefined };

function toNext(value: ExecutionResult): Next {
  return { done: false, value };
}

function toErrorResult(error: unknown): ExecutionResult {
  const cause = error instanceof Error ? error : new Error(String(error));
  return { errors: [new GraphQLError(cause.message, { originalError: cause })] };
}
