/**
 * Case "tool": 300 tokens, then a tool call of 6 s, then the rest. The libraries have no tools: for them the model pauses.
 */
import { rounded } from "../../report.ts";
import type { Plan, Question } from "../question.ts";
import { findFaults, replyMessages, stalenessOf, visibleText } from "../staleness.ts";
import { lockProducts } from "../table-lock.ts";
import { plainTokens } from "../tokens.ts";
import { type CaseContext, TOKENS, TOKENS_PER_SECOND, usualTurn } from "./case.ts";

export interface ToolPauseResult {
  isComplete: boolean;
  /** For the tokens before the pause. */
  worstStalenessBeforeMs: number | null;
  lost: number;
  doubled: number;
  /** Time from the call to the status line; null if none was shown. */
  statusAfterMs: number | null;
  /** Whether the finished reply still has the status line. */
  isStatusLeft: boolean;
}

const PAUSE_MS = 6_000;
const BEFORE = 300;
const LIMIT_MS = 120_000;
/** Ends every status line. No token contains it. */
const STATUS_MARK = "…";

export async function toolPauseCase(context: CaseContext): Promise<ToolPauseResult> {
  const { environment, seed, running } = context;
  const isOurs = running.subject.name === "ours";
  const unlock = isOurs ? await lockProducts(running.dataDir) : null;
  const question = environment.ask(environment.privateChat(), isOurs ? callingPlan(seed) : pausingPlan(seed));
  question.onToken = (index) => {
    if (index === BEFORE - 1 && unlock) setTimeout(() => void unlock(), PAUSE_MS);
  };
  const isComplete = await environment.waitUntilComplete(question, LIMIT_MS);
  const before = stalenessOf(question).slice(0, BEFORE);
  const { lost, doubled } = findFaults(question);
  return {
    isComplete,
    worstStalenessBeforeMs: before.some((each) => each === null)
      ? null
      : rounded(Math.max(...before.filter((each) => each !== null))),
    lost,
    doubled,
    statusAfterMs: statusDelay(question),
    isStatusLeft: visibleText(replyMessages(question)).includes(STATUS_MARK),
  };
}

function callingPlan(seed: string): Plan {
  const perSecond = TOKENS_PER_SECOND;
  return [
    { tokens: plainTokens({ seed: `${seed} tool`, count: BEFORE }), perSecond, call: "CheckOutOfStock" },
    { tokens: plainTokens({ seed: `${seed} tool 2`, count: TOKENS - BEFORE, first: BEFORE + 1 }), perSecond },
  ];
}

function pausingPlan(seed: string): Plan {
  return [usualTurn(`${seed} tool`, { pauses: new Map([[BEFORE, PAUSE_MS]]) })];
}

function statusDelay({ chat, tokenAt }: Question): number | null {
  const shown = chat.history.find(
    (change) =>
      (change.kind === "message-new" || change.kind === "message-edit") &&
      change.message.from?.is_bot === true &&
      change.message.text?.includes(STATUS_MARK) === true,
  );
  return shown === undefined ? null : rounded(shown.atMs - (tokenAt[BEFORE - 1] ?? 0));
}
