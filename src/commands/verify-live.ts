/**
 * `npm run verify:live`: a short self-test with the real Telegram and the real model, with the configured keys.
 *
 * It sends no Telegram message, and makes three model calls: two short ones, and one of some ten thousand tokens. A part without a key is listed as not checked.
 */
import { MAX_CHARACTERS_PER_TOKEN } from "../assistant/limits.ts";
import { ENLARGE_CONTEXT } from "../assistant/model/errors/advice.ts";
import { ModelError } from "../assistant/model/errors/error.ts";
import { createModel, type Model } from "../assistant/model/model.ts";
import { withRetries } from "../assistant/model/retry.ts";
import { fetchBotInfo } from "../bot/telegram/connection.ts";
import { type Config, loadConfig } from "../config.ts";
import { AppError } from "../errors.ts";
import { allowSlowConnections } from "../process/connecting.ts";
import { createToolRegistry } from "../tools/registry.ts";

interface Check {
  name: string;
  /** @returns the result in one sentence. @throws when the check fails. */
  run(): Promise<string>;
}

class CheckError extends AppError {
  override readonly code = "CHECK_FAILED";
}

const TIME_LIMIT_MS = 60_000;

/** As long as a long thread. */
const LONG_INPUT_CHARACTERS = 40_000;

try {
  allowSlowConnections();
  const config = loadConfig();
  const checks = [...telegramChecks(config), ...modelChecks(config)];
  if (checks.length === 0)
    throw new CheckError("There is nothing to check: set TELEGRAM_BOT_TOKEN, or OPENAI_API_KEY or OPENAI_BASE_URL.");
  for (const check of checks) console.log(`ok  ${check.name}: ${await check.run()}`);
} catch (error) {
  // A timeout, and arguments that are not JSON, are errors of the model's side too.
  console.error(error instanceof AppError ? error.message : `The check was interrupted: ${error}`);
  process.exitCode = 1;
}

function telegramChecks({ telegram }: Config): Check[] {
  const { token } = telegram;
  if (token === null) return notChecked("Telegram", "TELEGRAM_BOT_TOKEN");
  return [
    { name: "Telegram", run: async () => `the bot is @${(await fetchBotInfo({ ...telegram, token })).username}` },
  ];
}

function modelChecks({ model: settings, revenueRoles }: Config): Check[] {
  if (settings === null) return notChecked("The model", "OPENAI_API_KEY");
  const model = withRetries(createModel(settings));
  return [
    { name: "The model streams", run: () => checkStream(model) },
    { name: "The model calls a tool", run: () => checkToolCall(model, createToolRegistry(revenueRoles)) },
    { name: "The model reads long threads", run: () => checkLongInput(model) },
  ];
}

function notChecked(what: string, variable: string): Check[] {
  console.log(`--  ${what}: not checked, ${variable} is not set`);
  return [];
}

async function checkStream(model: Model): Promise<string> {
  let pieces = 0;
  let text = "";
  await ask(model, "Say good morning to the team in one sentence.", (delta) => {
    pieces += 1;
    text += delta;
  });
  if (text.trim() === "") throw new CheckError("The model sent no text.");
  return `${text.length} characters in ${pieces} pieces`;
}

async function checkToolCall(model: Model, tools: ReturnType<typeof createToolRegistry>): Promise<string> {
  const answer = await ask(model, "What is running out? Call the tool.", () => undefined, tools);
  const [call] = answer.calls;
  const tool = call && tools.get(call.name);
  if (!call || !tool) throw new CheckError("The model called no tool: it cannot answer with the shop's figures.");
  const parsed = tool.parse(JSON.parse(call.arguments));
  if ("fault" in parsed) throw new CheckError(`The model's arguments are invalid: ${parsed.fault}`);
  return `${call.name} ${call.arguments}`;
}

/** Some servers cut a long input without a word, and answer without what they cut. */
async function checkLongInput(model: Model): Promise<string> {
  const line = "Oat milk 6, arabica beans 5, green tea 12, cups 240, napkins 30. ";
  const stock = line.repeat(Math.ceil(LONG_INPUT_CHARACTERS / line.length));
  try {
    const { usage } = await ask(model, `${stock}\nSay "read" and nothing else.`, () => undefined);
    if (!usage) return "the server does not count tokens, so this is unknown";
    if (usage.inputTokens * MAX_CHARACTERS_PER_TOKEN < stock.length) {
      throw new CheckError(
        `The model's server read ${usage.inputTokens} tokens of ${stock.length} characters, and did not say so. ${ENLARGE_CONTEXT}`,
      );
    }
    return `${stock.length} characters are ${usage.inputTokens} tokens`;
  } catch (error) {
    if (!(error instanceof ModelError) || error.code !== "MODEL_INPUT_TOO_LONG") throw error;
    const limit = error.context?.limit;
    return `${stock.length} characters are too long, and the server says so${limit ? `: it takes ${limit} tokens` : ""}`;
  }
}

function ask(
  model: Model,
  question: string,
  onText: (delta: string) => void,
  tools: ReturnType<typeof createToolRegistry> = new Map(),
) {
  const request = {
    instructions: "You help the staff of a shop.",
    input: [{ role: "user", content: question }],
    tools: [...tools.values()].map(({ name, description, parameters }) => ({ name, description, parameters })),
    mayCallTools: tools.size > 0,
    cacheKey: "verify-live",
    safetyIdentifier: null,
  };
  return model.answer(request, { signal: AbortSignal.timeout(TIME_LIMIT_MS), onText });
}
