/**
 * `npm run chaos -- --seed N --messages 5000 --kills 300`: the long form, on a database server of its own.
 */
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { connectDatabase, createDatabaseIfMissing } from "../../src/db/client.ts";
import { startEmbeddedPostgres } from "../../src/db/embedded.ts";
import { migrateDatabase } from "../../src/db/migrate.ts";
import { drawPlan } from "./plan.ts";
import { playScene } from "./scene.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    messages: { type: "string", default: "5000" },
    kills: { type: "string", default: "300" },
    minutes: { type: "string", default: "17" },
    chats: { type: "string", default: "80" },
  },
});
const plan = drawPlan({
  seed: values.seed,
  messages: Number(values.messages),
  kills: Number(values.kills),
  durationMs: Number(values.minutes) * 60_000,
  privateChats: Number(values.chats),
  groups: 4,
  forums: 2,
});
const dataDir = await mkdtemp(join(tmpdir(), "counterhand-chaos-db-"));
const server = await startEmbeddedPostgres({ dataDir, settings: { max_connections: "200", fsync: "off" } });
const target = { socketDir: server.socketDir, user: server.user, database: "chaos" };
await createDatabaseIfMissing(server, target.database);
const database = connectDatabase(target);
await migrateDatabase(database);
await database.close();
const result = await playScene({ plan, target, drainLimitMs: 120_000, onProgress: (line) => console.log(line) });
writeFileSync("/tmp/chaos-recording.json", JSON.stringify(result));
console.log(result.folder, result.durationMs, result.recording.gaveUpBecause);
await server.release();
await rm(dataDir, { recursive: true, force: true });
