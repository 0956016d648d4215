/** Traces of the product's processes, switched on by variables alone; and nothing of OpenTelemetry without them. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { type OtlpReceiver, startOtlpReceiver } from "../../support/otlp-receiver.ts";
import { type StartedProcess, startProcess } from "../../support/process.ts";
import { visitSandbox } from "../../support/sandbox-page.ts";
import { spanOf } from "./traces-support.ts";

let receiver: OtlpReceiver;
let database: TestDatabase;
let folder: string;
beforeEach(async () => {
  receiver = await startOtlpReceiver();
  database = await createTestDatabase();
  folder = await mkdtemp(join(tmpdir(), "counterhand-traces-"));
});
afterEach(async () => {
  await receiver.close();
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

/** Writes the name of each package of OpenTelemetry that a process loads to its standard error. */
const REPORT_LOADS = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from "node:module";
  registerHooks({
    load(url, context, next) {
      const name = /node_modules\\/(@opentelemetry\\/[^/]+)/.exec(url)?.[1];
      if (name) process.stderr.write("loads " + name + "\\n");
      return next(url, context);
    },
  });
`)}`;

/** `folder` has no `.env`. */
function start(name: "main" | "ask", env: Record<string, string>): StartedProcess {
  const { socketDir, user } = inject("testServer");
  return startProcess(name, {
    cwd: folder,
    args: name === "ask" ? ["what is running out?"] : [],
    env: {
      DATABASE_URL: `postgres://${user}@localhost/${database.name}?host=${socketDir}`,
      DATA_DIR: folder,
      PORT: "0",
      NODE_OPTIONS: `--import=${REPORT_LOADS}`,
      ...env,
    },
  });
}

function loadedBy(started: StartedProcess): Set<string | undefined> {
  return new Set([...started.output().matchAll(/^loads (.+)$/gm)].map(([, name]) => name));
}

test("without the variables, no process loads the SDK", async () => {
  const asked = start("ask", {});
  const main = start("main", { OTEL_SERVICE_NAME: "of another program", OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" });
  await main.waitFor(/"ready"/);
  main.kill("SIGTERM");

  expect([await asked.exit, await main.exit]).toEqual([0, 0]);
  expect(loadedBy(asked)).toEqual(new Set());
  // prom-client loads the interface, which does nothing by itself.
  expect(loadedBy(main)).toEqual(new Set(["@opentelemetry/api"]));
});

test("a question from the terminal is traced, and sent before the command ends", async () => {
  const asked = start("ask", { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });

  expect(await asked.exit).toBe(0);
  expect(loadedBy(asked)).toContain("@opentelemetry/sdk-trace");
  expect(spanOf(receiver.spans, "execute_tool CheckOutOfStock").status.code).toBe(0);
  const [modelCall] = receiver.spans.filter(({ attributes }) => attributes["gen_ai.operation.name"] === "chat");
  expect(modelCall?.attributes).toMatchObject({ "gen_ai.provider.name": "counterhand.stand_in" });
  expect(modelCall?.attributes).not.toHaveProperty("server.address");
});

test("a command ends though the collector does not, and says so", async () => {
  receiver.answerWith(0);

  const asked = start("ask", { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });

  expect(await asked.exit).toBe(0);
  expect(asked.output()).toContain("traces were not sent: check OTEL_EXPORTER_OTLP_ENDPOINT");
});

test("the sandbox's runs are traced, and what waits is sent when the process stops", async () => {
  const main = start("main", { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
  const sandbox = await visitSandbox(main);

  await sandbox.write("what's running out?");
  await main.waitFor(/"run ended"/);
  main.kill("SIGTERM");

  expect(await main.exit).toBe(0);
  expect(spanOf(receiver.spans, "invoke_agent Xi Pho Coffee").attributes).toMatchObject({
    "counterhand.run.status": "completed",
  });
});
