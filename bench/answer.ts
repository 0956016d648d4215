/**
 * Measures the time from a Telegram message to the model request, and from the model's first token to the first visible text.
 * The stand-ins are on loopback, and the database is durable.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { createModelStandIn } from "../sandbox/model/model-stand-in.ts";
import { createTelegramStandIn } from "../sandbox/telegram/stand-in.ts";
import { startApp } from "../src/app.ts";
import { createModel } from "../src/assistant/model/model.ts";
import { loadConfig } from "../src/config.ts";
import { openDatabase } from "../src/db/open.ts";
import { saveStaffMember } from "../src/db/queries/chat/staff.ts";
import { createLogger } from "../src/observability/logger.ts";
import { saveResults, summarise } from "./report.ts";

const WARM_UP = 10;
const QUESTIONS = 100;
/** Long enough that Telegram's limit of 30 writes per second over all chats has no influence. */
const BETWEEN_QUESTIONS_MS = 120;
const TOKEN = "4243:token-of-the-benchmark";

/** Runs the benchmark and saves the results. */
export async function benchAnswer(): Promise<void> {
  const subject = await startProduct();
  const toModel: number[] = [];
  const toText: number[] = [];
  for (let question = 1; question <= WARM_UP + QUESTIONS; question++) {
    const measured = await askQuestion(subject, question);
    await pause(BETWEEN_QUESTIONS_MS);
    if (question <= WARM_UP) continue;
    toModel.push(measured.toModelMs);
    toText.push(measured.toTextMs);
  }
  await subject.close();
  const results = { updateToModelMs: summarise(toModel), firstTokenToTextMs: summarise(toText) };
  console.table(results);
  saveResults("answer", { questions: QUESTIONS, ...results, raw: { toModel, toText } });
}

type Subject = Awaited<ReturnType<typeof startProduct>>;

async function startProduct() {
  const dataDir = mkdtempSync(join(tmpdir(), "counterhand-bench-"));
  const config = loadConfig({ DATA_DIR: dataDir, PORT: "0" }, join(dataDir, "no.env"));
  const logger = createLogger({ level: "error", pretty: false });
  const telegram = await createTelegramStandIn({ token: TOKEN });
  const gate = { mayAnswer: Promise.withResolvers<void>() };
  const model = await createModelStandIn({
    answer: () => ({ parts: [{ kind: "text", text: [gate.mayAnswer.promise, "Two products are low."] }] }),
  });
  const open = await openDatabase(config, logger);
  const app = await startApp({
    config,
    telegram: { token: TOKEN, apiRoot: telegram.apiRoot, proxy: null },
    model: createModel({ apiKey: null, baseUrl: model.url, name: "bench" }),
    open,
    ownerTelegramIds: [],
    page: null,
    onFatal(error) {
      throw error;
    },
    logger,
  });
  const close = async () => {
    await app.stop();
    await open.close();
    await model.close();
    await telegram.close();
    rmSync(dataDir, { recursive: true, force: true });
  };
  return { telegram, model, gate, db: open.database.db, close };
}

/** `number` counts from 1. Each question has a person of its own, so that rate limits have no influence. */
async function askQuestion({ telegram, model, gate, db }: Subject, number: number) {
  gate.mayAnswer = Promise.withResolvers();
  const person = telegram.person({ id: 10_000 + number, first_name: "Lan" });
  await saveStaffMember(db, { telegramUserId: person.id, name: "Lan", username: null, role: "staff" });
  const chat = telegram.privateChat(person);

  const askedAt = performance.now();
  chat.send("what is low?");
  await model.waitForRequest(number);
  const requestedAt = performance.now();
  gate.mayAnswer.resolve();
  await chat.waitForBotMessage(/Two/);
  return { toModelMs: requestedAt - askedAt, toTextMs: performance.now() - requestedAt };
}
