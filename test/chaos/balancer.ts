/**
 * The load balancer in front of the processes in webhook mode. New connections go round-robin to the processes that are up.
 * Connections to a process that is down are reset, as by a proxy with health checks.
 */
import type { Slot } from "./processes.ts";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";

/** Interval of the health checks, in milliseconds. */
const HEALTH_INTERVAL_MS = 500;

/** `slots` returns the current slots, each with the proxy in front of its HTTP port. */
export async function startBalancer(slots: () => readonly { slot: Slot; webhook: TcpProxy }[]): Promise<TcpProxy> {
  let connections = 0;
  const balancer = await startTcpProxy(() => {
    const up = slots().filter(({ slot }) => slot.isUp());
    connections += 1;
    const chosen = up[connections % up.length];
    return chosen && { port: chosen.webhook.port };
  });
  const timer = setInterval(() => {
    for (const { slot, webhook } of slots()) if (!slot.isUp()) webhook.cut();
  }, HEALTH_INTERVAL_MS);
  return {
    ...balancer,
    close() {
      clearInterval(timer);
      return balancer.close();
    },
  };
}
