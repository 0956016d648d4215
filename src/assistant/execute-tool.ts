/**
 * One tool call: from the model's arguments to an output.
 *
 * A failure is an output too: an unknown tool, invalid arguments, missing rights, a timeout, a bug. Only messages of our own
 * reach the model: a driver's message quotes SQL and parameters. An unavailable database is no failure of the call: another
 * attempt at the run repeats it.
 */
import { type Db, readOnly } from "../db/client.ts";
import { isDatabaseUnavailable } from "../db/error-code.ts";
import type { StoredToolCall, ToolCallEnd } from "../db/queries/runs/run-steps.ts";
import { AppError } from "../errors.ts";
import type { Logger } from "../observability/logger.ts";
import type { ToolMeter } from "../observability/meter.ts";
import type { ToolTracer } from "../observability/tracer.ts";
import { answerWithin, untilAborted } from "../process/timeout.ts";
import { STAFF_ROLES, type StaffRole } from "../shop/roles.ts";
import type { Shop } from "../shop/shop.ts";
import type { ToolRegistry } from "../tools/registry.ts";
import type { Tool, ToolOutput } from "../tools/tool.ts";
import {
  MAX_ARGUMENTS_CHARACTERS,
  MAX_ARGUMENTS_LEVELS,
  MAX_OUTPUT_CHARACTERS,
  TOOL_STATEMENT_TIMEOUT_MS,
  TOOL_TIMEOUT_MS,
} from "./limits.ts";

export interface ToolRunner {
  db: Db;
  tools: ToolRegistry;
  shop: Shop;
  logger: Logger;
  now(): Date;
  /** In milliseconds; `TOOL_TIMEOUT_MS` when left out. */
  toolTimeoutMs?: number;
  meter?: ToolMeter;
  /** Traces the calls as a part of one attempt at a run. */
  trace?: ToolTracer;
}

/** The person for whom a call is made. */
interface Asker {
  role: StaffRole;
  signal: AbortSignal;
}

/**
 * Makes one call for a person of this role. Each tool works in a READ ONLY transaction with a statement timeout.
 *
 * @throws only the signal's reason, and an error that says that the database is unavailable (tools use no other server). The call
 * has not ended then, and has no output.
 */
export async function executeTool(runner: ToolRunner, call: StoredToolCall, asker: Asker): Promise<ToolCallEnd> {
  asker.signal.throwIfAborted();
  const startedAt = performance.now();
  const tool = runner.tools.get(call.name)?.name ?? null;
  const count = (result: "succeeded" | "failed" | "aborted") =>
    runner.meter?.toolEnded(tool, result, (performance.now() - startedAt) / 1000);
  const trace = runner.trace?.startToolCall({ ...call, name: tool });
  try {
    const end = await endOf(runner, call, asker);
    count(end.error === null ? "succeeded" : "failed");
    trace?.ended(end);
    return end;
  } catch (error) {
    count("aborted");
    trace?.aborted();
    throw error;
  }
}

async function endOf(runner: ToolRunner, call: StoredToolCall, { role, signal }: Asker): Promise<ToolCallEnd> {
  const tool = runner.tools.get(call.name);
  if (!tool)
    return failure(`There is no tool ${JSON.stringify(call.name)}. Tools: ${[...runner.tools.keys()].join(", ")}.`);
  if (!tool.allowedRoles.includes(role)) return failure(refusal(tool));
  // Arguments that could not be parsed are stored as text (`parseArguments`).
  if (typeof call.arguments === "string") return failure(UNREADABLE);
  const parsed = tool.parse(call.arguments);
  if ("fault" in parsed) return failure(`Invalid arguments: ${parsed.fault}`);

  try {
    const work = readOnly(runner.db, { statementTimeoutMs: TOOL_STATEMENT_TIMEOUT_MS }, (db) =>
      parsed.run({ db, shop: runner.shop, now: runner.now() }),
    );
    return success(await finish(work, runner.toolTimeoutMs ?? TOOL_TIMEOUT_MS, signal));
  } catch (error) {
    signal.throwIfAborted();
    if (isDatabaseUnavailable(error)) throw error;
    if (error instanceof AppError) return failure(error.message);
    runner.logger.error({ err: error, tool: tool.name, toolCallId: call.id }, "tool failed");
    return failure("The tool failed because of an internal error. Trying again may help; the log has the details.");
  }
}

const UNREADABLE = `Invalid arguments: the arguments are not valid JSON. They must be an object of at most ${MAX_ARGUMENTS_CHARACTERS} characters and ${MAX_ARGUMENTS_LEVELS} levels.`;

class ToolTimeoutError extends AppError {
  override readonly code = "TOOL_TIMEOUT";
}

/** Waits for work, a timeout or an abort. Drizzle takes no signal: the statement timeout ends the query itself. */
function finish(work: Promise<ToolOutput>, timeoutMs: number, signal: AbortSignal): Promise<ToolOutput> {
  const timeout = () => new ToolTimeoutError(`The tool took longer than ${timeoutMs / 1000} s.`);
  return answerWithin(timeoutMs, untilAborted(signal, work), timeout);
}

function success(output: ToolOutput): ToolCallEnd {
  if (JSON.stringify(output).length > MAX_OUTPUT_CHARACTERS)
    return failure("The output is too long. Ask for less at once.");
  return { output, error: null };
}

function failure(error: string): ToolCallEnd {
  return { output: { error }, error };
}

function refusal(tool: Tool): string {
  const roles = STAFF_ROLES.filter((role) => tool.allowedRoles.includes(role)).join(" or ");
  return `This person may not see that. Tell them to ask someone with the role ${roles}.`;
}
