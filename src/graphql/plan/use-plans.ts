/** Answers by a plan what has one, and leaves the rest to the executor. */
import { getOperationAST } from "graphql";
import type { Plugin } from "graphql-yoga";
import type { Logger } from "../../observability/logger.ts";
import type { AdminContext } from "../context.ts";
import { PlanFailedError } from "./complete.ts";
import { planOperation } from "./make-plan.ts";
import { cachePlans } from "./plan-cache.ts";
import { runPlan } from "./run-plan.ts";

export function usePlans(logger: Pick<Logger, "error">): Plugin<AdminContext> {
  const planOf = cachePlans(planOperation);
  return {
    onExecute({ args, executeFn, setExecuteFn }) {
      const { schema, document, operationName } = args;
      const operation = getOperationAST(document, operationName);
      const plan = operation && planOf(schema, document, operation);
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
