/**
 * Chat SDK with its Telegram adapter, as in its documentation: `thread.post(textStream)`, long polling, state in memory. Only
 * the default of `concurrency` is changed: by default a second message would be dropped.
 */
import { createMemoryState } from "@chat-adapter/state-memory";
import { createTelegramAdapter } from "@chat-adapter/telegram";
import { Chat, ConsoleLogger } from "chat";
import { answerTo, endWithTheBenchmark, given, report } from "./subject.js";

const logger = new ConsoleLogger(process.env.LOG_LEVEL === undefined ? "silent" : "warn");
const telegram = createTelegramAdapter({
  botToken: given("TELEGRAM_BOT_TOKEN"),
  apiUrl: given("TELEGRAM_API_ROOT"),
  mode: "polling",
  logger,
});
const bot = new Chat({
  userName: "counterhand_sandbox_bot",
  adapters: { telegram },
  state: createMemoryState(),
  concurrency: "queue",
  logger,
});
bot.onNewMention(async (thread, message) => {
  await thread.post(answerTo(message.text)).catch(report);
});
endWithTheBenchmark();
await bot.initialize();
console.log("ready");
