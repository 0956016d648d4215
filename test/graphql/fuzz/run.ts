/**
 * `npm run fuzz -- --count 100000 --seed 7`: the long fuzz run, on its own database server. It prints the seed, and exits with 1 if
 * a response was faulty.
 */
import { randomInt } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { connectDatabase, createDatabaseIfMissing, type Database } from "../../../src/db/client.ts";
import { startEmbeddedPostgres } from "../../../src/db/embedded/server.ts";
import { migrateDatabase } from "../../../src/db/migrate.ts";
import { INTERRUPTED, stopOnSignals } from "../../../src/process/signals.ts";
import { fuzz, type Tally } from "./fuzz.ts";
import { createFuzzTarget } from "./target.ts";

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "100000" },
    seed: { type: "string", default: String(randomInt(2 ** 31)) },
  },
});
const [count, seed] = [Number(values.count), Number(values.seed)];
if (!Number.isSafeInteger(count) || !Number.isSafeInteger(seed)) throw new Error("--count and --seed must be integers");

console.log(`${count} requests, seed ${seed}`);
const tally = await withDatabase(async (database) => fuzz(await createFuzzTarget(database), { seed, count }, report));
for (const finding of tally.findings) console.log(JSON.stringify(finding, null, 2));
console.log(`${tally.asked} requests, seed ${seed}: ${tally.findings.length} findings`);
console.log(JSON.stringify(tally.seen, null, 2));
process.exitCode = tally.findings.length === 0 ? 0 : 1;

function report({ asked, findings }: Tally): void {
  if (asked % 5_000 === 0) console.log(`${asked} requests, ${findings.length} findings`);
}

async function withDatabase<T>(work: (database: Database) => Promise<T>): Promise<T> {
  const dataDir = await mkdtemp(join(tmpdir(), "counterhand-fuzz-"));
  const server = await startEmbeddedPostgres({ dataDir, settings: { fsync: "off", full_page_writes: "off" } });
  stopOnSignals(async () => {
    await server.release();
    await rm(dataDir, { recursive: true, force: true });
  }, INTERRUPTED);
  try {
    await createDatabaseIfMissing(server, "fuzz");
    const database = connectDatabase({ socketDir: server.socketDir, user: server.user, database: "fuzz" });
    await migrateDatabase(database);
    return await work(database).finally(() => database.close());
  } finally {
    await server.release();
    await rm(dataDir, { recursive: true, force: true });
  }
}
