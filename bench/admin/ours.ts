/**
 * The admin API as a subject of the admin benchmark: the product's HTTP server and API, without the bot.
 *
 * Authentication, limits, error masking and the log are as in the product. Needs SOCKET_DIR, DATABASE_USER, DATABASE and
 * ADMIN_TOKEN. Sends its port over IPC, and on request its CPU time and statement count. Exits when the benchmark does.
 */
import { createWriteStream } from "node:fs";
import type { Sql } from "postgres";
import { loadConfig } from "../../src/config.ts";
import { connectDatabase, type Db } from "../../src/db/client.ts";
import { listen } from "../../src/db/notify/notify.ts";
import { hashToken } from "../../src/graphql/guards/auth.ts";
import { createActivityHub } from "../../src/graphql/live/activity-hub.ts";
import { createAdminApi } from "../../src/graphql/server.ts";
import { startHttpServer } from "../../src/http/server.ts";
import { createLogger } from "../../src/observability/logger.ts";
import { STAFF_ROLES } from "../../src/shop/roles.ts";
import { createToolRegistry } from "../../src/tools/registry.ts";

/** The settings of the admins' pool in `app.ts`. */
const ADMIN_POOL = { poolSize: 8, statementTimeoutMs: 10_000 };

const target = { socketDir: given("SOCKET_DIR"), user: given("DATABASE_USER"), database: given("DATABASE") };
const logger = createLogger({ level: "info", pretty: false, destination: createWriteStream("/dev/null") });
const database = connectDatabase(target, ADMIN_POOL);
const { db } = database;
const countStatements = watchStatements(db);
const http = await startHttpServer({
  host: "127.0.0.1",
  port: 0,
  onError: (error) => {
    throw error;
  },
});
http.serve({
  isReady: () => true,
  graphql: createAdminApi({
    db,
    activity: createActivityHub({ db, sandbox: false, listen: (handler) => listen(database, handler), logger }),
    environment: {
      shop: loadConfig({}).shop,
      tools: [...createToolRegistry(STAFF_ROLES).values()],
      sandbox: false,
      now: () => new Date(),
    },
    adminTokenHash: hashToken(given("ADMIN_TOKEN")),
    logger,
    // One token sends more requests here than all admins of a shop. Requests are counted, but the limit is never reached.
    rateLimit: { perSecond: 1_000_000, burst: 1_000_000 },
    onTrusted: http.trust,
  }),
  metrics: async (_request, response) => void response.writeHead(404).end(),
  graphiql: () => false,
  webhook: null,
  sandbox: null,
});
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuMs: (user + system) / 1_000, statements: countStatements() });
});
process.once("disconnect", () => process.exit(0));
process.send?.({ port: Number(new URL(http.address).port) });

/** @returns a function that returns the number of statements sent through the pool. */
function watchStatements(watched: Db): () => number {
  const { $client: client } = watched as unknown as { $client: Pick<Sql, "unsafe"> };
  const { unsafe } = client;
  let count = 0;
  client.unsafe = ((...query: Parameters<Sql["unsafe"]>) => {
    count += 1;
    return unsafe(...query);
  }) as Sql["unsafe"];
  return () => count;
}

function given(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is missing: only the benchmark starts this file`);
  return value;
}
