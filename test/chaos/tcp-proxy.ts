/**
 * A TCP proxy with network faults, in front of a server on another port or on a Unix socket.
 *
 * It forwards bytes. Closing one end closes the other, except in a black hole, where nothing gets through.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** How the link behaves. */
export type LinkMode =
  | { readonly kind: "pass" }
  /** Open connections and all new ones are reset. */
  | { readonly kind: "refuse" }
  /** Connections stay open, but nothing gets through in either direction until the mode changes. */
  | { readonly kind: "blackhole" }
  /** Each chunk is delayed by `ms`. */
  | { readonly kind: "delay"; readonly ms: number };

export interface TcpProxy {
  /** On 127.0.0.1. */
  readonly port: number;
  set(mode: LinkMode): void;
  /** Resets all current connections. New ones follow the mode. */
  cut(): void;
  close(): Promise<void>;
}

/** The server to which the proxy forwards. */
export type ProxyTarget = { readonly port: number } | { readonly path: string };

interface Link {
  delayMs: number;
  isBlackHole: boolean;
  /** Pending while the link is a black hole. */
  gate: Promise<void>;
  /** Both sockets of every connection. */
  readonly sockets: Set<Socket>;
}

/**
 * Resolves when the proxy listens, in the mode `pass`. `chooseTarget` is called for each connection; if it returns undefined,
 * the connection is reset.
 */
export async function startTcpProxy(chooseTarget: () => ProxyTarget | undefined): Promise<TcpProxy> {
  const link: Link = { delayMs: 0, isBlackHole: false, gate: Promise.resolve(), sockets: new Set() };
  let isRefusing = false;
  let openGate = () => {};
  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (isRefusing) reset(client);
    else void join(client, chooseTarget, link);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = () => {
    for (const socket of link.sockets) reset(socket);
  };
  const set = (mode: LinkMode) => {
    openGate();
    isRefusing = mode.kind === "refuse";
    link.delayMs = mode.kind === "delay" ? mode.ms : 0;
    link.isBlackHole = mode.kind === "blackhole";
    if (mode.kind === "refuse") cut();
    if (mode.kind !== "blackhole") return;
    const { promise, resolve } = Promise.withResolvers<void>();
    link.gate = promise;
    openGate = resolve;
  };
  return {
    port: (server.address() as AddressInfo).port,
    set,
    cut,
    async close() {
      set({ kind: "refuse" });
      server.close();
      await once(server, "close");
    },
  };
}

async function join(client: Socket, chooseTarget: () => ProxyTarget | undefined, link: Link): Promise<void> {
  track(client, link);
  if (link.isBlackHole && !(await waitForGate(client, link))) return reset(client);
  const target = chooseTarget();
  if (!target) reset(client);
  if (!target || client.destroyed) return;
  const upstream = connect({ ...target, allowHalfOpen: true });
  track(upstream, link);
  void pump(client, upstream, link);
  void pump(upstream, client, link);
}

/** Waits for the end of a black hole. @returns false if the client disconnected meanwhile; its data stays readable. */
async function waitForGate(client: Socket, link: Link): Promise<boolean> {
  const received: Buffer[] = [];
  let hasEnded = false;
  const buffer = (chunk: Buffer) => void received.push(chunk);
  client.on("data", buffer);
  client.once("end", () => {
    hasEnded = true;
  });
  await link.gate;
  client.pause();
  client.off("data", buffer);
  if (hasEnded || client.destroyed) return false;
  if (received.length > 0) client.unshift(Buffer.concat(received));
  return true;
}

function track(socket: Socket, { sockets }: Link): void {
  socket.setNoDelay(true);
  sockets.add(socket);
  // After an error the connection ends; `pump` propagates that.
  socket.on("error", () => undefined);
  socket.once("close", () => sockets.delete(socket));
}

/**
 * Forwards data from `from` until its end, and then the end itself: a close or a reset. If `from` ends during a black hole,
 * the data that it sent there is lost: a machine that is gone retransmits nothing.
 */
async function pump(from: Socket, to: Socket, link: Link): Promise<void> {
  let isLost = false;
  let isReset = false;
  let sent = Promise.resolve();
  const forward = async (chunk: Buffer) => {
    await link.gate;
    if (link.delayMs > 0) await sleep(link.delayMs);
    if (!isLost && !to.destroyed && !to.write(chunk)) await drained(to);
  };
  try {
    for await (const chunk of from.iterator({ destroyOnReturn: false })) {
      sent = sent.then(() => forward(chunk));
      // In a black hole reading continues, to detect the end.
      if (!link.isBlackHole) await sent;
    }
  } catch {
    // A reset is propagated as a reset.
    isReset = true;
  }
  isLost = link.isBlackHole;
  await sent;
  await link.gate;
  if (isReset || isLost) reset(to);
  else to.end();
}

async function drained(to: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  to.once("drain", resolve);
  to.once("close", resolve);
  await promise;
}

/** Only TCP has resets; a Unix socket is closed. */
function reset(socket: Socket): void {
  if (socket.remoteAddress === undefined) socket.destroy();
  else socket.resetAndDestroy();
}
