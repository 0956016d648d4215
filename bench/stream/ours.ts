/**
 * The product as a subject of the stream benchmark: a separate process with its embedded database.
 *
 * Needs TELEGRAM_API_ROOT, TELEGRAM_BOT_TOKEN, OPENAI_BASE_URL, DATA_DIR, PEOPLE ("first id,count"; they become owners) and
 * CALLS_PER_SECOND. Prints its address and "ready". Exits on SIGTERM, or when standard input ends because the benchmark exited.
 */
import { join } from "node:path";
import { startApp } from "../../src/app.ts";
import { createModel } from "../../src/assistant/model/model.ts";
import { loadConfig } from "../../src/config.ts";
import { openDatabase } from "../../src/db/open.ts";
import { createLogger } from "../../src/observability/logger.ts";

const dataDir = given("DATA_DIR");
const [first = 0, count = 0] = given("PEOPLE").split(",").map(Number);
const config = loadConfig({ DATA_DIR: dataDir, PORT: "0" }, join(dataDir, "no.env"));
const logger = createLogger({ level: process.env.LOG_LEVEL ?? "error", pretty: false, destination: process.stderr });
const open = await openDatabase(config, logger);
const app = await startApp({
  config,
  telegram: {
    token: given("TELEGRAM_BOT_TOKEN"),
    apiRoot: given("TELEGRAM_API_ROOT"),
    proxy: null,
    callsPerSecond: Number(given("CALLS_PER_SECOND")),
  },
  model: createModel({ apiKey: null, baseUrl: given("OPENAI_BASE_URL"), name: "bench" }),
  open,
  ownerTelegramIds: Array.from({ length: count }, (_, index) => first + index),
  page: null,
  onFatal(error) {
    throw error;
  },
  logger,
});
process.once("SIGTERM", end);
process.on("SIGINT", () => undefined); // Ctrl-C also ends the benchmark, and this process exits after it.
process.stdin.once("end", end).resume();
console.log(`address ${app.address}\nready`);

function end(): void {
  void app
    .stop(0)
    .then(() => open.close())
    .then(() => process.exit(0));
}

function given(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is missing: only the benchmark starts this file`);
  return value;
}
