/**
 * `npm run chaos -- --seed N --messages 5000 --kills 300 --crashes 10`: the long chaos test, on a database server of its own.
 *
 * Writes `bench/results/chaos.json` and `chaos.md`, and saves the recording next to the processes' logs. The exit code is 1
 * when the auditor found a violation.
 */
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { resultFacts, resultFile } from "../../bench/report.ts";
import { connectDatabase, createDatabaseIfMissing } from "../../src/db/client.ts";
import { startEmbeddedPostgres } from "../../src/db/embedded/server.ts";
import { migrateDatabase } from "../../src/db/migrate.ts";
import type { SocketTarget } from "./environment.ts";
import { drawPlan } from "./plan.ts";
import { reportOn, toMarkdown } from "./report.ts";
import { runScenario, type ScenarioResult } from "./scenario.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    messages: { type: "string", default: "5000" },
    kills: { type: "string", default: "300" },
    crashes: { type: "string", default: "10" },
    minutes: { type: "string", default: "17" },
    webhook: { type: "boolean", default: false },
    chats: { type: "string", default: "80" },
    "drain-minutes": { type: "string", default: "5" },
    out: { type: "string", default: "chaos" },
  },
});

const plan = drawPlan({
  seed: values.seed,
  messages: Number(values.messages),
  kills: Number(values.kills),
  serverCrashes: Number(values.crashes),
  intake: values.webhook ? "webhook" : "polling",
  durationMs: Number(values.minutes) * 60_000,
  privateChats: Number(values.chats),
  groups: 4,
  forums: 2,
});
const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const)
  process.once(name, () => stop.abort(new Error(`stopped by ${name}`)));
const result = await withServer((target) =>
  runScenario({
    plan,
    target,
    drainLimitMs: Number(values["drain-minutes"]) * 60_000,
    signal: stop.signal,
    onProgress: (line) => console.log(line),
  }),
);
process.exitCode = writeResults(result);

async function withServer<T>(work: (target: SocketTarget) => Promise<T>): Promise<T> {
  const dataDir = await mkdtemp(join(tmpdir(), "counterhand-chaos-db-"));
  // The data need not survive a crash of the machine, so nothing waits for the disk. It survives a crash of the server.
  const settings = { fsync: "off", full_page_writes: "off", max_connections: "300" };
  const server = await startEmbeddedPostgres({ dataDir, settings });
  try {
    const target = { socketDir: server.socketDir, user: server.user, database: "chaos" };
    await createDatabaseIfMissing(server, target.database);
    const database = connectDatabase(target);
    await migrateDatabase(database).finally(() => database.close());
    return await work(target);
  } finally {
    await server.release();
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** @returns the exit code. */
function writeResults({ recording, durationMs, folder }: ScenarioResult): number {
  const { report, text } = reportOn(plan, recording, durationMs);
  const command = `npm run chaos -- ${process.argv.slice(2).join(" ")}`.trim();
  const facts = { command, ...resultFacts() };
  writeFileSync(join(folder, "recording.json"), JSON.stringify(recording));
  writeFileSync(join(folder, "violations.txt"), text);
  writeFileSync(resultFile(`${values.out}.json`), `${JSON.stringify({ ...facts, ...report }, null, 2)}\n`);
  const { machine, ...rest } = facts;
  const factRows = { ...rest, machine: `${machine.cores} cores, ${machine.memoryGiB} GiB, Node ${machine.node}` };
  writeFileSync(resultFile(`${values.out}.md`), toMarkdown(report, factRows));
  console.log(text);
  console.log(JSON.stringify(report, null, 2));
  console.log(`logs, recording, violations: ${folder}`);
  return Object.keys(report.violations).length === 0 ? 0 : 1;
}
