/**
 * Answers an event of a subscription by its plan: of the rows that it brings along, at once.
 *
 * An event may be answered for a thousand subscribers, each in words of their own: the executor takes five times as long for
 * it, and what it remembers while it does makes each collection of garbage longer.
 */
import type { ExecutionResult, ValidatedSubscriptionArgs } from "graphql";
import type { AdminContext } from "../context.ts";
import { type Answer, createCompleter, createResolve, PlanFailedError, type Row, refuseUnfit } from "./complete.ts";
import type { EventField, EventPlans } from "./plan.ts";

/** The answer to one event; null for an event without a plan, and for one that only the executor can say what is wrong with. */
export type AnswerEvent = (event: unknown, context: AdminContext) => ExecutionResult | null;

export function createEventAnswers(plans: EventPlans, args: ValidatedSubscriptionArgs): AnswerEvent {
  const resolve = createResolve(args, plans.fragments);
  return (event, context) => {
    const fields = plans.byType.get(typeOf(plans, event, context));
    if (!fields) return null;
    const { completeLocal } = createCompleter(resolve, context);
    const completeField = (field: EventField): unknown => {
      if (field.as !== "row") return completeLocal(field, event as Row);
      const row = resolve(event, field, context);
      refuseUnfit(row);
      if (!isRow(row)) throw new PlanFailedError("a row that an event must bring is not there");
      const answer: Answer = {};
      for (const wanted of field.rows.fields) {
        if (wanted.as === "one" || wanted.as === "list") throw new PlanFailedError("an event brings its own rows only");
        answer[wanted.key] = completeLocal(wanted, row);
      }
      return answer;
    };
    try {
      const answer: Answer = {};
      for (const field of fields) answer[field.key] = completeField(field);
      return { data: { [plans.key]: answer } };
    } catch {
      // Whatever it was, it happens again in the executor, and is told with its place in the answer.
      return null;
    }
  };
}

/** And no id, which the executor would load the row by. */
function isRow(value: unknown): value is Row {
  return typeof value === "object" && value !== null && "id" in value;
}

function typeOf({ union }: EventPlans, event: unknown, context: AdminContext): string {
  // Ours look at the event alone.
  const info = {} as Parameters<NonNullable<typeof union.resolveType>>[2];
  const name = union.resolveType?.(event, context, info, union);
  return typeof name === "string" ? name : "";
}
