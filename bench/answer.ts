/**
 * From a message on Telegram to the request at the model, and from the model's first word to the first visible text, with
 * the stand-ins on loopback and a durable database.
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
/** Far enough apart that Telegram's 30 writes a second over all chats are never the limit that is measured. */
const BETWEEN_QUESTIONS_MS = 120;
const TOKEN = "4243:token-of-the-benchmark";

/** Runs it and keeps the results. */
export async function benchAnswer(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), "counterhand-bench-"));
  const config = loadConfig({ DATA_DIR: dataDir, PORT: "0" }, join(dataDir, "no.env"));
  const logger = createLogger({ level: "error", pretty: false });
  const telegram = await createTelegramStandIn({ token: TOKEN });
  let mayAnswer = Promise.withResolvers<void>();
  const standIn = await createModelStandIn({
    answer: () => ({ parts: [{ kind: "text", text: [mayAnswer.promise, "Two products are low."] }] }),
  });
  const open = await openDatabase(config, logger);
  const app = await startApp({
    config,
    telegram: { token: TOKEN, apiRoot: telegram.apiRoot, proxy: null },
    model: createModel({ apiKey: null, baseUrl: standIn.url, name: "bench" }),
    open,
    ownerTelegramIds: [],
    page: null,
    onFatal(error) {
      throw error;
    },
    logger,
  });

  const toModel: number[] = [];
  const toText: number[] = [];
  for (let question = 1; question <= WARM_UP + QUESTIONS; question++) {
    mayAnswer = Promise.withResolvers();
    // A person of their own each: no budget of an earlier question is in the way.
    const person = telegram.person({ id: 10_000 + question, first_name: "Lan" });
    await saveStaffMember(open.database.db, { telegramUserId: person.id, name: "Lan", username: null, role: "staff" });
    const chat = telegram.privateChat(person);

    const askedAt = performance.now();
    chat.send("what is low?");
    await standIn.waitForRequest(question);
    const requestedAt = performance.now();
    const firstWordAt = performance.now();
    mayAnswer.resolve();
    await chat.waitForBotMessage(/Two/);
    const shownAt = performance.now();
    await pause(BETWEEN_QUESTIONS_MS);
    if (question <= WARM_UP) continue;
    toModel.push(requestedAt - askedAt);
    toText.push(shownAt - firstWordAt);
  }

  await app.stop();
  await open.close();
  await standIn.close();
  await telegram.close();
  rmSync(dataDir, { recursive: true, force: true });
  const results = { updateToModelMs: summarise(toModel), firstTokenToTextMs: summarise(toText) };
  console.table(results);
  saveResults("answer", { questions: QUESTIONS, ...results, raw: { toModel, toText } });
}
