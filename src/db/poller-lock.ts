/**
 * Which process of a shop fetches a bot's updates: the one that holds a session advisory lock, on a connection of its own.
 *
 * The others wait for it on the server, which answers the first of them the moment the holder is gone. What the holder
 * does is not known here.
 */
import { waitUpTo } from "../wait-up-to.ts";
import type { Database } from "./client.ts";

/** The first half of the lock's key, so that bots meet no other advisory lock of ours. */
const POLLER_LOCK_CLASS = 7_017;
/** Half a key has 31 bits without its sign, a bot's id may have 52. */
const KEY_SIZE = 2 ** 31;
/** A holder whose machine fell silent is given up after some 15 s: without this, the server waits for it for two hours. */
const KEEPALIVE = { tcp_keepalives_idle: "5", tcp_keepalives_interval: "3", tcp_keepalives_count: "3" };

/** How long a sign of life may take, in milliseconds. */
const CHECK_LIMIT_MS = 5_000;

export interface PollerLock {
  /** Aborts when the connection, and with it the lock, is gone. */
  readonly lost: AbortSignal;
  /** Asks the server for a sign of life; without one the lock counts as lost. Never throws. */
  check(): Promise<void>;
  release(): Promise<void>;
}

export interface PollerLockOptions {
  /** Gives up waiting; then the lock is undefined. */
  signal: AbortSignal;
  /** Another process holds it: this one begins to wait. */
  onWait(): void;
}

/** Waits until this process may poll for the bot. Fails when the database is away. */
export async function takePollerLock(
  database: Database,
  botId: number,
  { signal, onWait }: PollerLockOptions,
): Promise<PollerLock | undefined> {
  const lost = new AbortController();
  const session = database.openSession("poller", () => lost.abort());
  const release = () => session.end({ timeout: 1 });
  const check = async () => {
    let isAlive = false;
    const asked = session`select 1`.then(() => {
      isAlive = true;
    });
    // Whatever went wrong, it was no sign of life.
    await waitUpTo(CHECK_LIMIT_MS, asked).catch(() => undefined);
    if (!isAlive) lost.abort();
  };
  try {
    if (await waitForLock(session, botId % KEY_SIZE, { signal, onWait })) return { lost: lost.signal, check, release };
    await release();
    return undefined;
  } catch (error) {
    await release();
    if (signal.aborted) return undefined;
    throw error;
  }
}

/** @returns whether it is held: false when nobody wants it any more. */
async function waitForLock(
  session: ReturnType<Database["openSession"]>,
  key: number,
  { signal, onWait }: PollerLockOptions,
): Promise<boolean> {
  for (const [name, value] of Object.entries(KEEPALIVE)) await session`select set_config(${name}, ${value}, false)`;
  const [tried] = await session<{ held: boolean }[]>`
    select pg_try_advisory_lock(${POLLER_LOCK_CLASS}::int, ${key}::int) as held`;
  if (tried?.held || signal.aborted) return tried?.held === true && !signal.aborted;
  onWait();
  const waiting = session`select pg_advisory_lock(${POLLER_LOCK_CLASS}::int, ${key}::int)`;
  const cancel = () => {
    // First at the server: a connection that is merely closed would stay in its queue.
    waiting.cancel();
    void session.end({ timeout: 1 });
  };
  signal.addEventListener("abort", cancel, { once: true });
  try {
    await waiting;
    return !signal.aborted;
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}
