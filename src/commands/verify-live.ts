/**
 * `npm run verify:live`: a short self-test with the real Telegram and the real model, with the configured keys.
 *
 * It sends no Telegram message, and makes two short model calls. A part without a key is listed as not checked.
 */
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
