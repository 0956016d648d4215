/**
 * The sandbox's Assistant when no model is configured: it follows fixed rules, and says so under every answer.
 *
 * Like a model it sees only the request: it calls the tools, reads their outputs from the next request, and writes the
 * answer. It understands a few kinds of questions in English and Vietnamese and computes no figure.
 */

import { calls, says } from "./script.ts";
import { writeAnswer } from "./scripted/answer.ts";
import { readConversation } from "./scripted/conversation.ts";
import { type Plan, planAnswer } from "./scripted/plan.ts";
import type { ModelRequestBody, Responder, Turn } from "./turn.ts";

/** A stateless responder: the same request always gets the same turn. */
export function createScriptedAssistant(): Responder {
  return ({ body }) => playRound(body);
}

function playRound(body: ModelRequestBody): Turn {
  const conversation = readConversation(body);
  const plan = planAnswer(conversation);
  const toolCalls = conversation.toolResults.length > 0 ? [] : plannedCalls(plan).filter(isOffered(body));
  return toolCalls.length > 0 ? calls(...toolCalls) : says(writeAnswer(conversation, plan));
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

/** The revenue tool is missing if the person may not see revenue; the answer then says so. */
function isOffered(body: ModelRequestBody): (call: PlannedCall) => boolean {
  const offered = new Set(body.tools?.map((tool) => tool.name));
  return (call) => offered.has(call.name);
}
