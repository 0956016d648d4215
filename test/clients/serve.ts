/**
 * The server under test, in its own process: the product's admin API on its HTTP server and a real, seeded Postgres.
 *
 * It uses graphql 17 and the clients use 16; two versions cannot share a process. It writes its address as one line of JSON
 * (`ServedApi`) and exits when its standard input ends. A second server performs the actions of tests.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { connectDatabase, type Database } from "../../src/db/client.ts";
import { listen } from "../../src/db/notify/notify.ts";
import { hashToken } from "../../src/graphql/guards/auth.ts";
import { createActivityHub } from "../../src/graphql/live/activity-hub.ts";
import { createAdminApi } from "../../src/graphql/server.ts";
import { startHttpServer } from "../../src/http/server.ts";
import { createLogger } from "../../src/observability/logger.ts";
import { createTestEnvironment } from "../graphql/api-environment.ts";
import { startTestServer } from "../support/test-server.ts";
import { createActions } from "./actions.ts";
import { type Seeded, seed } from "./seed.ts";

export interface ServedApi {
  /** The API's address, with its path. */
  readonly url: string;
  readonly token: string;
  /** Where tests request actions: see `actions.ts`. */
  readonly controlUrl: string;
  readonly seeded: Seeded;
}

const TOKEN = "an-admin-token-for-clients-of-40-letters";

const postgres = await startTestServer();
const database = connectDatabase({ ...postgres, database: postgres.template });
const seeded = await seed(database.db);
const api = await serveApi(database);
const control = await serveControl(createActions(database.db, api.cutStreams));
console.log(JSON.stringify({ url: api.url, token: TOKEN, controlUrl: control.url, seeded } satisfies ServedApi));

process.stdin.resume().once("end", async () => {
  await Promise.all([api.close(), control.close()]);
  await database.close();
  await postgres.close();
});

async function serveApi(database: Database) {
  const logger = createLogger({ level: "warn", pretty: false });
  const activity = createActivityHub({
    db: database.db,
    sandbox: false,
    listen: (handler) => listen(database, handler),
    logger,
  });
  const graphql = createAdminApi({
    db: database.db,
    activity,
    environment: createTestEnvironment(),
    adminTokenHash: hashToken(TOKEN),
    logger,
    // All tests use one token, as fast as they can.
    rateLimit: null,
  });
  const answering = new Set<ServerResponse>();
  const server = await startHttpServer({
    host: "127.0.0.1",
    port: 0,
    onError: (error) => logger.error({ err: error }, "request failed"),
  });
  server.serve({
    isReady: () => true,
    graphql(request: IncomingMessage, response: ServerResponse) {
      answering.add(response);
      response.once("close", () => answering.delete(response));
      return graphql(request, response);
    },
    graphiql: () => false,
    metrics: (_, response) => void response.writeHead(404).end(),
    webhook: null,
    sandbox: null,
  });
  return {
    url: `${server.address}/graphql`,
    cutStreams() {
      for (const response of answering) response.destroy();
    },
    async close() {
      await activity.close();
      await server.close();
    },
  };
}

/** `POST /NAME` with the arguments of the action as JSON. The response is its result. */
async function serveControl(actions: object) {
  const server = createServer(async (request, response) => {
    try {
      const action = new Map(Object.entries(actions)).get((request.url ?? "").slice(1));
      response.end(JSON.stringify(await action(JSON.parse(await text(request)))));
    } catch (error) {
      response.writeHead(500).end(String(error));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${port}`, close };
}
