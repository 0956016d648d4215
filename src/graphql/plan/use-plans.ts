/** Answers operations by their plans, and leaves those without a plan to the executor. */
import { getOperationAST } from "graphql";
import type { Plugin } from "graphql-yoga";
import type { Logger } from "../../observability/logger.ts";
import type { AdminContext } from "../context.ts";
import { PlanFailedError } from "./complete.ts";
import { cachePlans } from "./make-plan.ts";
import { runPlan } from "./run-plan.ts";

export function usePlans(logger: Pick<Logger, "error">): Plugin<AdminContext> {
  const planOf = cachePlans();
  return {
    onExecute({ args, executeFn, setExecuteFn }) {
      const operation = getOperationAST(args.document, args.operationName);
      const plan = operation && planOf(args.schema, args.document, operation);
      if (!plan || args.contextValue.admin === null) return;
      setExecuteFn(async (input) => {
        try {
          return { data: await runPlan(plan, args) };
        } catch (error) {
          // The same failure happens again there, and is reported with its place in the answer.
          const result = await executeFn(input);
          const isUnexpected = !(error instanceof PlanFailedError) && !("errors" in result);
          if (isUnexpected) logger.error({ err: error }, "a plan failed where the executor did not");
          return result;
        }
      });
    },
  };
}
