/**
 * Catches unhandled rejections and exceptions. No response shows them, but they would end the product's process. For a fuzz run
 * they are findings like any other.
 */

export interface UnhandledErrors {
  /** The errors since the last call, as text. Waits one tick, because Node reports unhandled rejections after the microtasks. */
  take(): Promise<string[]>;
  /** Restores the listeners of the process. */
  stop(): void;
}

const EVENTS = ["unhandledRejection", "uncaughtException"] as const;

/** Replaces the current listeners. The test runner's would report the errors, too, but without the request. */
export function catchUnhandledErrors(): UnhandledErrors {
  let caught: string[] = [];
  const stops = EVENTS.map((event) =>
    listenAlone(event, (error) => void caught.push(`${event}: ${describeError(error)}`)),
  );
  return {
    async take() {
      await new Promise((resolve) => setImmediate(resolve));
      const taken = caught;
      caught = [];
      return taken;
    },
    stop: () => {
      for (const stop of stops) stop();
    },
  };
}

function listenAlone(event: (typeof EVENTS)[number], listener: (error: unknown) => void): () => void {
  // The general type: other listeners may have other parameters.
  const emitter: NodeJS.EventEmitter = process;
  const others = emitter.rawListeners(event) as (typeof listener)[];
  emitter.removeAllListeners(event);
  emitter.on(event, listener);
  return () => {
    emitter.off(event, listener);
    for (const other of others) emitter.on(event, other);
  };
}

function describeError(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
