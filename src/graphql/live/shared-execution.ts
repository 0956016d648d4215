/**
 * Executes subscriptions: computes the response to each event for each subscriber's document.
 *
 * Many dashboards send the same document. Subscribers with the same document, variables and scope get the same event's response
 * computed once. Rows loaded on the way are shared among the events that were read together, and never longer.
 */
import {
  type ASTNode,
  createSourceEventStream,
  type DocumentNode,
  type ExecutionResult,
  executeSubscriptionEvent,
  Kind,
  type SelectionSetNode,
  type ValidatedSubscriptionArgs,
  type VariableNode,
  validateSubscriptionArgs,
  visit,
} from "graphql";
import type { Plugin } from "graphql-yoga";
import type { AdminContext } from "../context.ts";
import { cachePlans } from "../plan/make-plan.ts";
import { createEventAnswers } from "../plan/run-plan.ts";
import { type Memo, memoize } from "./memo.ts";
import { createResponseStream, type ExecuteEvent, toErrorResult } from "./response-stream.ts";
import type { ActivityEvent } from "./source-stream.ts";

/** `contextFor` returns a context with the rights of the given one, in which nothing is loaded yet. */
export function executeSubscriptions(contextFor: (context: AdminContext) => AdminContext): Plugin {
  const createExecute = createSharedExecution(contextFor);
  return {
    onSubscribe({ setSubscribeFn }) {
      setSubscribeFn(async (args) => {
        const validated = validateSubscriptionArgs(args);
        if (!("document" in validated)) return { errors: validated };
        const source = await createSourceEventStream(validated);
        if (!(Symbol.asyncIterator in source)) return source;
        return createResponseStream(source as AsyncIterable<ActivityEvent>, createExecute(validated, args.document));
      });
    },
  };
}

function createSharedExecution(contextFor: (context: AdminContext) => AdminContext) {
  const findPlan = cachePlans();
  return (args: ValidatedSubscriptionArgs, document: DocumentNode): ExecuteEvent => {
    const ownContext = args.contextValue as AdminContext;
    const scope = ownContext.admin?.scope ?? "none";
    const key = JSON.stringify([scope, args.operation.name?.value, selectionVariables(args, document)]);
    const plan = findPlan(args.schema, document, args.operation);
    const executePlan = plan && createEventAnswers(plan, args);
    return (event) => {
      const responses: Memo = memoize(event.memo, document, () => new Map());
      return memoize(responses, key, () => {
        const contextValue = memoize(event.pageMemo, scope, () => contextFor(ownContext));
        return executePlan?.(event, contextValue) ?? execute({ ...args, rootValue: event, contextValue });
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

/**
 * The variables that the response depends on. Arguments of the root field are left out: `after` differs between dashboards that
 * are otherwise the same.
 */
function selectionVariables({ rawVariableValues, operation }: ValidatedSubscriptionArgs, document: DocumentNode) {
  const names = new Set<string>();
  const collect = (node: ASTNode) => visit(node, { Variable: ({ name }: VariableNode) => void names.add(name.value) });
  visitBelowRoot(operation.selectionSet, collect);
  for (const definition of document.definitions) {
    // A fragment may be spread at the root. Then root arguments are collected too, and fewer responses are shared.
    if (definition.kind === Kind.FRAGMENT_DEFINITION) collect(definition);
  }
  // A missing variable has its default value, a null one does not.
  const given = [...names].filter((name) => rawVariableValues?.[name] !== undefined);
  return given.sort().map((name) => [name, rawVariableValues?.[name]]);
}

/** Visits directives and selections, but not the arguments of the root field. Inline fragments at the root are looked into. */
function visitBelowRoot({ selections }: SelectionSetNode, visitNode: (node: ASTNode) => void): void {
  for (const selection of selections) {
    selection.directives?.forEach(visitNode);
    if (selection.kind === Kind.INLINE_FRAGMENT) visitBelowRoot(selection.selectionSet, visitNode);
    else if (selection.kind === Kind.FIELD && selection.selectionSet) visitNode(selection.selectionSet);
  }
}
