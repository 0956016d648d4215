/**
 * grammY with its stream plugin, as in its README: `ctx.replyWithStream(textStream)` with auto-retry. Updates come through
 * @grammyjs/runner, sequentially within a chat: `bot.start()` would handle one chat after the other.
 */
import { autoRetry } from "@grammyjs/auto-retry";
import { run, sequentialize } from "@grammyjs/runner";
import { stream } from "@grammyjs/stream";
import { Bot } from "grammy";
import { answerTo, endWithTheBenchmark, given, report } from "./subject.js";

/** @type {Bot<import("@grammyjs/stream").StreamFlavor<import("grammy").Context>>} */
const bot = new Bot(given("TELEGRAM_BOT_TOKEN"), { client: { apiRoot: given("TELEGRAM_API_ROOT") } });
bot.api.config.use(autoRetry());
bot.use(sequentialize((ctx) => String(ctx.chatId)));
bot.use(stream());
bot.on("message:text", async (ctx) => {
  await ctx.replyWithStream(answerTo(ctx.msg.text));
});
bot.catch(({ error }) => report(error));
endWithTheBenchmark();
await bot.init();
run(bot);
console.log("ready");
