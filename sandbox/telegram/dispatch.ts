/**
 * Processes one Bot API call: call log, injected faults, flood control, then the method itself.
 *
 * It knows nothing of HTTP: a fault that affects the connection is returned as the reply.
 */
import type { Fault, Faults } from "./faults.ts";
import type { FloodControl } from "./flood-control.ts";
import type { Method, MethodContext } from "./methods/method.ts";
import { TelegramRefusal, tooManyRequests } from "./refusal.ts";
import type { Parameters } from "./request-parameters.ts";
import type { CallLog, CallOutcome } from "./world/call-log.ts";

/** The response to send, or a reset of the connection. */
export type Reply = { kind: "json"; status: number; body: string | object } | { kind: "reset" };

export interface DispatchDependencies extends Omit<MethodContext, "signal"> {
  callLog: CallLog;
  faults: Faults;
  limits: FloodControl;
}

/** A call as received. `signal` aborts when the client disconnects or the stand-in closes. */
export interface IncomingCall {
  method: Method;
  params: Parameters;
  /** The `Host` header: the address that the client called. */
  host: string;
  signal: AbortSignal;
}

export type Dispatch = (call: IncomingCall) => Promise<Reply>;

export function createDispatch(dependencies: DispatchDependencies): Dispatch {
  const { world, callLog, faults, emit } = dependencies;
  return async ({ method, params, host, signal }) => {
    const chatId = findChatId(dependencies, params);
    const fault = faults.take({ method: method.name, params, chatId });
    const call = callLog.start({ method: method.name, params, chatId, host, startedAtMs: world.now() });
    emit({ kind: "call-start", call, atMs: world.now() });
    const run = () => runMethod({ method, params, signal, dependencies });
    const { outcome, reply } = await withFault(fault, run, signal);
    call.outcome = signal.aborted ? { kind: "abandoned" } : outcome;
    call.endedAtMs = world.now();
    emit({ kind: "call-end", call, atMs: call.endedAtMs });
    return reply;
  };
}

function findChatId({ world }: DispatchDependencies, { chat_id: id }: Parameters): number | undefined {
  return typeof id === "number" || typeof id === "string" ? world.findChat(id)?.chat.id : undefined;
}

interface CallResult {
  outcome: CallOutcome;
  reply: Reply;
}

async function withFault(
  fault: Fault | undefined,
  run: () => Promise<CallResult>,
  signal: AbortSignal,
): Promise<CallResult> {
  switch (fault?.kind) {
    case "too-many-requests":
      return refuse(tooManyRequests(fault.retryAfterSeconds));
    case "http":
      return { outcome: { kind: "http", status: fault.status }, reply: { ...fault, kind: "json" } };
    case "drop-before":
      return { outcome: { kind: "dropped", applied: false }, reply: { kind: "reset" } };
    case "drop-after": {
      const applied = (await run()).outcome.kind === "ok";
      return { outcome: { kind: "dropped", applied }, reply: { kind: "reset" } };
    }
    case "delay":
      await settled(fault.until, signal);
      return run();
    case undefined:
      return run();
  }
}

/** Resolves when `promise` is fulfilled or rejected, or when the client disconnects. */
async function settled(promise: Promise<unknown>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<void>();
  if (signal.aborted) return;
  signal.addEventListener("abort", () => aborted.resolve(), { once: true });
  await Promise.race([Promise.allSettled([promise]), aborted.promise]);
}

interface Run {
  method: Method;
  params: Parameters;
  signal: AbortSignal;
  dependencies: DispatchDependencies;
}

async function runMethod({ method, params, signal, dependencies }: Run): Promise<CallResult> {
  try {
    const prepared = method.prepare(params);
    const state = dependencies.world.findChat(findChatId(dependencies, params));
    if (state) dependencies.limits.check(state.chat, method.isCounted);
    const result = await prepared.execute({ ...dependencies, signal });
    return { outcome: { kind: "ok", result }, reply: { kind: "json", status: 200, body: { ok: true, result } } };
  } catch (error) {
    if (error instanceof TelegramRefusal) return refuse(error);
    throw error;
  }
}

function refuse({ errorCode, message: description, parameters }: TelegramRefusal): CallResult {
  return {
    outcome: { kind: "refused", errorCode, description, parameters },
    reply: { kind: "json", status: errorCode, body: refusalBody(errorCode, description, parameters) },
  };
}

/** The Bot API's response body for a refused call. */
export function refusalBody(errorCode: number, description: string, parameters?: object) {
  return { ok: false, error_code: errorCode, description, ...(parameters && { parameters }) };
}
