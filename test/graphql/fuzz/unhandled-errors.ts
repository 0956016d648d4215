/**
 * Errors that nobody waits for. An answer says nothing of them, and the product's process would end by one: for a fuzz they
 * are findings like any other.
 */

export interface Strays {
  /** Those since the last time, in words. Waits a turn: a rejection counts as unhandled when the turn's promises are done. */
  take(): Promise<string[]>;
  /** Gives the process back as it was. */
  stop(): void;
}

const EVENTS = ["unhandledRejection", "uncaughtException"] as const;

/** Takes them from whoever listens now: the test runner would report them too, without the request. */
export function catchStrays(): Strays {
  let caught: string[] = [];
  const stops = EVENTS.map((event) => listenAlone(event, (error) => void caught.push(`${event}: ${wordsOf(error)}`)));
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
  // By its wide type: what the listeners of others take is theirs to know.
  const emitter: NodeJS.EventEmitter = process;
  const others = emitter.rawListeners(event) as (typeof listener)[];
  emitter.removeAllListeners(event);
  emitter.on(event, listener);
  return () => {
    emitter.off(event, listener);
    for (const other of others) emitter.on(event, other);
  };
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
