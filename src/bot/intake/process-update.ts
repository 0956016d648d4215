/**
 * Processes one update from polling or the webhook: it is committed, or the caller tries it again.
 *
 * It decides which failures are caused by the update itself. It knows nothing of the content of updates, nor how often they
 * are delivered.
 */
import { BotError } from "grammy";
import type { Update } from "grammy/types";
import { errorCode, isDataError, isTransient } from "../../db/error-code.ts";
import { storable } from "../../db/storable.ts";
import type { Logger } from "../../observability/logger.ts";

/** The update types that the handlers know. Telegram sends no others. */
export const ALLOWED_UPDATES = ["message", "edited_message", "callback_query"] as const;

export interface ProcessUpdateDeps {
  /** Commits the update. @throws if it could not. */
  handle(update: Update): Promise<void>;
  /** Tells the person that their update was skipped after this error of `handle`. @throws if that could not be stored. */
  reportFailure(error: unknown): Promise<void>;
  /** Whether the database works. If not, the update is not to blame. */
  isDatabaseUp(): Promise<boolean>;
  logger: Logger;
}

/** Tries an update once; never rejects. @returns whether it may be confirmed: it is committed or skipped. */
export type ProcessUpdate = (update: Update) => Promise<boolean>;

/** Tries of an update that fails although the database works. Then the fault is ours, and other updates wait for it. */
const MAX_TRIES = 5;
/** Updates whose tries are remembered. An update that never comes again (another process got it) must not stay in memory. */
const MAX_REMEMBERED = 1_000;

interface Failure {
  error: unknown;
  root: unknown;
}

/** Remembers how often each update has failed. */
export function createProcessUpdate(deps: ProcessUpdateDeps): ProcessUpdate {
  const { handle, logger } = deps;
  const tries = new Map<number, number>();
  return async (update) => {
    const { update_id: updateId } = update;
    // A local Bot API server may send characters that no database stores. No text gets shorter, so entity offsets stay valid.
    const failure = await tryTwice(handle, storable(update) as Update);
    if (!failure) {
      tries.delete(updateId);
      return true;
    }
    const { root } = failure;
    const isOurFault = !isTransient(root) && (await deps.isDatabaseUp());
    const count = (tries.get(updateId) ?? 0) + (isOurFault ? 1 : 0);
    remember(tries, updateId, count);
    const isLastTry = isOurFault && (isPermanent(root) || count >= MAX_TRIES);
    const isSkipped = isLastTry && (await report(deps, failure.error, updateId));
    if (isSkipped) tries.delete(updateId);
    logger.error(
      { ...factsOf(root), updateId, tries: count },
      isSkipped ? "update skipped: it failed every time" : "update was not committed: trying again",
    );
    return isSkipped;
  };
}

/** Tries a permanent failure twice: another process or the connection may have interfered the first time. */
async function tryTwice(handle: ProcessUpdateDeps["handle"], update: Update): Promise<Failure | null> {
  const failure = await failureOf(handle, update);
  return failure && isPermanent(failure.root) ? failureOf(handle, update) : failure;
}

async function failureOf(handle: ProcessUpdateDeps["handle"], update: Update): Promise<Failure | null> {
  try {
    await handle(update);
    return null;
  } catch (error) {
    return { error, root: rootOf(error) };
  }
}

/** @returns whether the update is done: the person got a message, or never can. */
async function report(
  { logger, reportFailure }: ProcessUpdateDeps,
  error: unknown,
  updateId: number,
): Promise<boolean> {
  try {
    await reportFailure(error);
    return true;
  } catch (cause) {
    const reason = rootOf(cause);
    logger.error({ ...factsOf(reason), updateId }, "could not tell a person that their update was skipped");
    return !isTransient(reason);
  }
}

/** Whether the content of the update causes the failure: values that no column accepts, missing or wrong fields. */
function isPermanent(root: unknown): boolean {
  return isDataError(root) || root instanceof TypeError || root instanceof RangeError;
}

/** For the log. If the database refuses a value, its message quotes the value, which may contain a person's words. */
function factsOf(root: unknown): object {
  return isDataError(root) ? { code: errorCode(root) } : { err: root };
}

function remember(tries: Map<number, number>, id: number, count: number): void {
  tries.delete(id);
  tries.set(id, count);
  const [oldest] = tries.keys();
  if (tries.size > MAX_REMEMBERED && oldest !== undefined) tries.delete(oldest);
}

/** The root cause. Its wrappers quote SQL and parameters, including a person's message. */
function rootOf(error: unknown): unknown {
  if (error instanceof BotError) return rootOf(error.error);
  return error instanceof Error && error.cause instanceof Error ? rootOf(error.cause) : error;
}
