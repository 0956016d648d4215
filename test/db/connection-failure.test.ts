import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { afterEach, expect, test } from "vitest";
import { checkServer } from "../../src/db/check-server.ts";
import { connectDatabase } from "../../src/db/client.ts";
import { StartupError } from "../../src/errors.ts";

let server: Server | undefined;
afterEach(() => {
  server?.close();
});

const closing = () => createServer((socket) => socket.on("error", () => undefined).end());

/** The message with which a start ends at this server. */
async function refusal(at: Server, query: string): Promise<string> {
  server = at;
  await new Promise<void>((done) => at.listen(0, "127.0.0.1", done));
  const { port } = at.address() as AddressInfo;
  const database = connectDatabase({ url: `postgres://shop@127.0.0.1:${port}/till?connect_timeout=1${query}` });
  try {
    await checkServer(database);
    throw new Error("no refusal");
  } catch (error) {
    if (error instanceof StartupError) return error.message;
    throw error;
  } finally {
    await database.close();
  }
}

test.each(["", "&sslmode=disable"])(
  "a server that closes each connection at once is told within the time to connect (%s)",
  async (query) => {
    const from = performance.now();

    const message = await refusal(closing(), query);

    expect(performance.now() - from).toBeLessThan(5_000);
    expect(message).toMatch(/closes the connection \(\w+\): is a PostgreSQL server there, at that port\?/);
    expect(message).not.toContain("sslmode=prefer");
  },
);

test.each(["", "&sslmode=disable"])("so is a server that speaks HTTP (%s)", async (query) => {
  expect(await refusal(createHttpServer(), query)).toContain("is a PostgreSQL server there, at that port?");
});

test("where DATABASE_URL asks for TLS, the server may have none", async () => {
  expect(await refusal(closing(), "&sslmode=require")).toContain("it may have no TLS, so try sslmode=prefer");
});
