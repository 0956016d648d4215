/**
 * A network border that can go wrong: a TCP port in front of a server on another port or on a Unix socket.
 *
 * It forwards bytes and knows nothing of what they mean. Closing one end closes the other, as without it, except in a black
 * hole, where not even that gets through.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** How the border behaves from now on. */
export type BorderMode =
  | { readonly kind: "pass" }
  /** Open connections are reset, and so is every new one. */
  | { readonly kind: "refuse" }
  /** Connections stay and nothing gets through, in either direction, until another mode lets it. */
  | { readonly kind: "blackhole" }
  /** Each piece is held for so long. */
  | { readonly kind: "delay"; readonly ms: number };

export interface TcpProxy {
  /** On 127.0.0.1. */
  readonly port: number;
  set(mode: BorderMode): void;
  /** Resets all connections of this moment; new ones are as good as the mode. */
  cut(): void;
  close(): Promise<void>;
}

/** What is behind the border. */
export type ProxyTarget = { readonly port: number } | { readonly path: string };

interface Border {
  delayMs: number;
  isBlackHole: boolean;
  /** Settles when something may pass: at once, unless the border is a black hole. */
  gate: Promise<void>;
  /** Both ends of every connection. */
  readonly sockets: Set<Socket>;
}

/**
 * Listens when the promise resolves; it passes everything at first. `chooseTarget` is asked for each connection, and may say
 * that there is nothing behind the border now: then it is reset.
 */
export async function startTcpProxy(chooseTarget: () => ProxyTarget | undefined): Promise<TcpProxy> {
  const border: Border = { delayMs: 0, isBlackHole: false, gate: Promise.resolve(), sockets: new Set() };
  let isRefusing = false;
  let openGate = () => {};
  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (isRefusing) reset(client);
    else void join(client, chooseTarget, border);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = () => {
    for (const socket of border.sockets) reset(socket);
  };
  const set = (mode: BorderMode) => {
    openGate();
    isRefusing = mode.kind === "refuse";
    border.delayMs = mode.kind === "delay" ? mode.ms : 0;
    border.isBlackHole = mode.kind === "blackhole";
    if (mode.kind === "refuse") cut();
    if (mode.kind !== "blackhole") return;
    const { promise, resolve } = Promise.withResolvers<void>();
    border.gate = promise;
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

async function join(client: Socket, chooseTarget: () => ProxyTarget | undefined, border: Border): Promise<void> {
  keep(client, border);
  if (border.isBlackHole && !(await outlive(client, border))) return reset(client);
  const target = chooseTarget();
  if (!target) reset(client);
  if (!target || client.destroyed) return;
  const upstream = connect({ ...target, allowHalfOpen: true });
  keep(upstream, border);
  void pump(client, upstream, border);
  void pump(upstream, client, border);
}

/** @returns whether a client that connected in a black hole is still there when it ends; what it has said is read again. */
async function outlive(client: Socket, border: Border): Promise<boolean> {
  const said: Buffer[] = [];
  let isGone = false;
  const listen = (chunk: Buffer) => void said.push(chunk);
  client.on("data", listen);
  client.once("end", () => {
    isGone = true;
  });
  await border.gate;
  client.pause();
  client.off("data", listen);
  if (isGone || client.destroyed) return false;
  if (said.length > 0) client.unshift(Buffer.concat(said));
  return true;
}

function keep(socket: Socket, { sockets }: Border): void {
  socket.setNoDelay(true);
  sockets.add(socket);
  // What went wrong shows as the end of the connection: `pump` hands that on.
  socket.on("error", () => undefined);
  socket.once("close", () => sockets.delete(socket));
}

/**
 * Forwards what `from` says until its end, and then that it has ended: well, or by a reset. Who ends in a black hole took
 * what it had said there along: a machine that is gone sends nothing again.
 */
async function pump(from: Socket, to: Socket, border: Border): Promise<void> {
  let isGone = false;
  let isBroken = false;
  let sent = Promise.resolve();
  const forward = async (chunk: Buffer) => {
    await border.gate;
    if (border.delayMs > 0) await sleep(border.delayMs);
    if (!isGone && !to.destroyed && !to.write(chunk)) await drained(to);
  };
  try {
    for await (const chunk of from.iterator({ destroyOnReturn: false })) {
      sent = sent.then(() => forward(chunk));
      // In a black hole it is read on, to hear when it ends.
      if (!border.isBlackHole) await sent;
    }
  } catch {
    // A reset: the other side is to see one too.
    isBroken = true;
  }
  isGone = border.isBlackHole;
  await sent;
  await border.gate;
  if (isBroken || isGone) reset(to);
  else to.end();
}

async function drained(to: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  to.once("drain", resolve);
  to.once("close", resolve);
  await promise;
}

/** Only TCP knows a reset: a Unix socket is closed. */
function reset(socket: Socket): void {
  if (socket.remoteAddress === undefined) socket.destroy();
  else socket.resetAndDestroy();
}
