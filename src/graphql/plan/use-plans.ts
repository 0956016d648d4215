/** Answers by a plan what has one, and leaves the rest to the executor. */
import { type DocumentNode, type ExecutionArgs, getOperationAST } from "graphql";
import type { Plugin } from "graphql-yoga";
import type { Logger } from "../../logger.ts";
import type { AdminContext } from "../context.ts";
import { type Plan, planOperation } from "./plan.ts";
import { PlanFailedError, runPlan } from "./run-plan.ts";

/** Its plans are forgotten with the documents that they were made for: `keepDocuments` keeps those that are asked often. */
export function usePlans(logger: Pick<Logger, "error">): Plugin<AdminContext> {
  const plans = new WeakMap<DocumentNode, Map<string, Plan | null>>();
  const planOf = ({ schema, document, operationName }: ExecutionArgs): Plan | null => {
    const ofDocument = plans.get(document) ?? new Map<string, Plan | null>();
    plans.set(document, ofDocument);
    const known = ofDocument.get(operationName ?? "");
    if (known !== undefined) return known;
    const operation = getOperationAST(document, operationName);
    const plan = operation ? planOperation(schema, document, operation) : null;
    ofDocument.set(operationName ?? "", plan);
    return plan;
  };
  return {
    onExecute({ args, executeFn, setExecuteFn }) {
      const plan = planOf(args);
      if (!plan || args.contextValue.admin === null) return;
      setExecuteFn(async (input) => {
        try {
          return { data: await runPlan(plan, args) };
        } catch (error) {
          // Whatever it was, it happens again there, and is told with its place in the answer.
          const result = await executeFn(input);
          const isPlansFault = !(error instanceof PlanFailedError) && !("errors" in result);
          if (isPlansFault) logger.error({ err: error }, "a plan failed where the executor did not: it is at fault");
          return result;
        }
      });
    },
  };
}
