import { createServer, type Socket } from "node:net";
import { expect, test } from "vitest";
import { connectDatabase } from "../../src/db/client.ts";
import { takeWorkerLock } from "../../src/db/worker-lock.ts";

test.each([
  ["never answers", () => undefined],
  ["closes the connection at once", (socket: Socket) => socket.end()],
])("a server that %s makes the lock fail in time", async (_, greet) => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    greet(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const database = connectDatabase({ url: `postgres://u:p@127.0.0.1:${port}/d` });

  const taking = takeWorkerLock(database, { botId: 1, limitMs: 200, onLost: () => undefined });

  await expect(taking).rejects.toThrow();
  await database.close();
  for (const socket of sockets) socket.destroy();
  server.close();
});
