/**
 * One call of the Bot API, from its parameters to its outcome: transcript, faults, limits, then the method itself.
 *
 * Everything but HTTP. What a fault asks of the connection is handed back as the outcome.
 */
import type { Fault, Faults } from "./faults.ts";
import type { LimitKeeper } from "./flood-control.ts";
import type { Method, MethodContext } from "./methods/method.ts";
import { TelegramRefusal, tooManyRequests } from "./refusal.ts";
import type { Parameters } from "./request-parameters.ts";
import type { CallOutcome, Transcript } from "./world/call-log.ts";

/** What is sent back: an answer, or a reset of the connection. */
export type Reply = { kind: "json"; status: number; body: string | object } | { kind: "reset" };

export interface DispatchDependencies extends Omit<MethodContext, "gone"> {
  transcript: Transcript;
  faults: Faults;
  limits: LimitKeeper;
}

/** A call as it came in. `gone` aborts when nobody waits for the answer any more. */
export interface IncomingCall {
  method: Method;
  params: Parameters;
  /** The address that the client called, as its `Host` header says. */
  host: string;
  gone: AbortSignal;
}

export type Dispatch = (call: IncomingCall) => Promise<Reply>;

export function createDispatch(dependencies: DispatchDependencies): Dispatch {
  const { world, transcript, faults, announce } = dependencies;
  return async ({ method, params, host, gone }) => {
    const chatId = findChatId(dependencies, params);
    const fault = faults.take({ method: method.name, params, chatId });
    const call = transcript.start({ method: method.name, params, chatId, host, startedAtMs: world.now() });
    announce({ kind: "call-start", call, atMs: world.now() });
    const run = () => runMethod({ method, params, gone, dependencies });
    const { outcome, reply } = await withFault(fault, run, gone);
    call.outcome = gone.aborted ? { kind: "abandoned" } : outcome;
    call.endedAtMs = world.now();
    announce({ kind: "call-end", call, atMs: call.endedAtMs });
    return reply;
  };
}

function findChatId({ world }: DispatchDependencies, { chat_id: id }: Parameters): number | undefined {
  return typeof id === "number" || typeof id === "string" ? world.findChat(id)?.chat.id : undefined;
}

interface Ending {
  outcome: CallOutcome;
  reply: Reply;
}

async function withFault(fault: Fault | undefined, run: () => Promise<Ending>, gone: AbortSignal): Promise<Ending> {
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
      await settled(fault.until, gone);
      return run();
    case undefined:
      return run();
  }
}

/** Resolves when `promise` settles, in whichever way, or when the client is gone. */
async function settled(promise: Promise<unknown>, gone: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<void>();
  if (gone.aborted) return;
  gone.addEventListener("abort", () => aborted.resolve(), { once: true });
  await Promise.race([Promise.allSettled([promise]), aborted.promise]);
}

interface Run {
  method: Method;
  params: Parameters;
  gone: AbortSignal;
  dependencies: DispatchDependencies;
}

async function runMethod({ method, params, gone, dependencies }: Run): Promise<Ending> {
  try {
    const prepared = method.prepare(params);
    const state = dependencies.world.findChat(findChatId(dependencies, params));
    if (state) dependencies.limits.check(state.chat, method.isCounted);
    const result = await prepared.execute({ ...dependencies, gone });
    return { outcome: { kind: "ok", result }, reply: { kind: "json", status: 200, body: { ok: true, result } } };
  } catch (error) {
    if (error instanceof TelegramRefusal) return refuse(error);
    throw error;
  }
}

function refuse({ errorCode, message: description, parameters }: TelegramRefusal): Ending {
  return {
    outcome: { kind: "refused", errorCode, description, parameters },
    reply: { kind: "json", status: errorCode, body: refusalBody(errorCode, description, parameters) },
  };
}

/** The Bot API's answer to a call that it does not carry out. */
export function refusalBody(errorCode: number, description: string, parameters?: object) {
  return { ok: false, error_code: errorCode, description, ...(parameters && { parameters }) };
}
