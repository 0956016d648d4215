/**
 * What stands before several processes in webhook mode: connections go by turns to those that are up, and those of a process
 * that is not up any more are ended, as a proxy with health checks does.
 */
import type { Slot } from "./processes.ts";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";

/** How often the processes are looked at, in milliseconds. */
const HEALTH_INTERVAL_MS = 500;

/** `slots` are those of the moment, each with the proxy in front of its HTTP port. */
export async function startBalancer(slots: () => readonly { slot: Slot; webhook: TcpProxy }[]): Promise<TcpProxy> {
  let turn = 0;
  const balancer = await startTcpProxy(() => {
    const up = slots().filter(({ slot }) => slot.isUp());
    turn += 1;
    const chosen = up[turn % up.length];
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
