/**
 * The Assistant of the sandbox when there is no model: it plays by rules, and says so under every answer.
 *
 * It sees what a model sees, the request, and nothing else: it asks for the tools, reads their outputs from the next
 * request, and writes the answer. It understands a handful of questions in English and Vietnamese and computes no figure.
 */

import { calls, says } from "./script.ts";
import { writeAnswer } from "./scripted/answer.ts";
import { readConversation } from "./scripted/conversation.ts";
import { type Plan, planAnswer } from "./scripted/plan.ts";
import type { ModelRequestBody, Responder, Turn } from "./turn.ts";

/** A responder without memory: the same request always gets the same turn. */
export function createScriptedAssistant(): Responder {
  return ({ body }) => playRound(body);
}

function playRound(body: ModelRequestBody): Turn {
  const conversation = readConversation(body);
  const plan = planAnswer(conversation);
  const wanted = conversation.toolResults.length > 0 ? [] : plannedCalls(plan).filter(isOffered(body));
  return wanted.length > 0 ? calls(...wanted) : says(writeAnswer(conversation, plan));
}

interface PlannedCall {
  readonly name: string;
  readonly arguments: object;
}

function plannedCalls(plan: Plan): PlannedCall[] {
  if (plan.kind !== "look-up") return [];
  const stock = plan.wantsStock ? [{ name: "CheckOutOfStock", arguments: {} }] : [];
  return [...stock, ...plan.dates.map((date) => ({ name: "CheckDailyRevenue", arguments: { date: date.toString() } }))];
}

/** A person who may not see revenue may have no tool for it; the answer then says that this part is missing. */
function isOffered(body: ModelRequestBody): (call: PlannedCall) => boolean {
  const offered = new Set(body.tools?.map((tool) => tool.name));
  return (call) => offered.has(call.name);
}
