import { expect, test } from "vitest";
import { ALIVE_MS, createLiveness, TICK_MS } from "../../../src/assistant/worker/liveness.ts";
import { LEASE_SECONDS } from "../../../src/db/queries/runs/workers.ts";

/** A worker whose heartbeat was answered at 0, with clocks that a test sets. */
function start() {
  const now = { ms: 0, wallMs: 0 };
  const liveness = createLiveness(() => ({ ...now }));
  const pass = (ms: number, wallMs = ms) => {
    now.ms += ms;
    now.wallMs += wallMs;
  };
  liveness.confirm({ ...now });
  return {
    liveness,
    pass,
    /** Lets time pass in ticks, as in a running process. */
    run(ms: number) {
      for (let passed = 0; passed < ms; passed += TICK_MS) {
        pass(TICK_MS);
        liveness.tick();
      }
    },
    heartbeat: () => liveness.confirm({ ...now }),
    /** Alive, fresh. */
    state: () => [liveness.isAlive(), liveness.isFresh()],
  };
}

test("a worker is alive and fresh until its last heartbeat is half a lease old", () => {
  const { run, state } = start();

  run(ALIVE_MS - TICK_MS);
  const before = state();
  run(TICK_MS);

  expect(before).toEqual([true, true]);
  expect(state()).toEqual([false, false]);
});

test("a process that did not run for a moment is not fresh until a heartbeat that was sent after it", () => {
  const { liveness, pass, run, heartbeat, state } = start();

  run(1_000);
  const sentBefore = { ms: 1_000, wallMs: 1_000 };
  pass(700);
  const atOnce = state();
  run(TICK_MS);
  liveness.confirm(sentBefore);
  const afterOldHeartbeat = state();
  run(TICK_MS);
  heartbeat();

  expect(atOnce).toEqual([true, false]);
  expect(afterOldHeartbeat).toEqual([true, false]);
  expect(liveness.needsHeartbeat()).toBe(false);
  expect(state()).toEqual([true, true]);
});

test("the lease counts as expired once the last heartbeat is older than a lease", () => {
  const { liveness, pass, heartbeat } = start();

  pass(LEASE_SECONDS * 1_000);
  const before = liveness.hasExpired();
  pass(1);
  const after = liveness.hasExpired();
  heartbeat();

  expect([before, after, liveness.hasExpired()]).toEqual([false, true, false]);
});

test("asking changes nothing: however often it is asked, a break stays unnoticed until the next tick", () => {
  const { liveness, pass, state } = start();

  pass(700);
  const answers = [state(), state(), state()];
  const before = liveness.needsHeartbeat();
  liveness.tick();

  expect(answers).toEqual(Array(3).fill([true, false]));
  expect([before, liveness.needsHeartbeat()]).toEqual([false, true]);
});

test("a machine that slept, whose monotonic clock stopped, is not fresh until the next heartbeat", () => {
  const { pass, heartbeat, liveness, state } = start();

  pass(50, 60_000);
  const asleep = [...state(), liveness.needsHeartbeat()];
  heartbeat();

  expect(asleep).toEqual([true, false, true]);
  expect(state()).toEqual([true, true]);
});

test("a lost lease is neither alive nor fresh, and a heartbeat is due", () => {
  const { liveness, state } = start();

  liveness.expire();

  expect(state()).toEqual([false, false]);
  expect(liveness.needsHeartbeat()).toBe(true);
});
