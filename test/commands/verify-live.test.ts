import { afterEach, expect, test } from "vitest";
import { createModelStandIn, type ModelStandIn } from "../../sandbox/model/model-stand-in.ts";
import { calls, fails, says, scripted } from "../../sandbox/model/script.ts";
import type { Turn } from "../../sandbox/model/turn.ts";
import { createTelegramStandIn } from "../../sandbox/telegram/stand-in.ts";
import { startProcess } from "../support/process.ts";

const TOKEN = "123456789:AAF-a-token-that-nobody-has-at-telegram";
let model: ModelStandIn | undefined;
afterEach(async () => {
  await model?.close();
  model = undefined;
});

async function verify(turns: Turn[], env: Record<string, string> = {}) {
  model = await createModelStandIn({ answer: scripted(turns) });
  const started = startProcess("verify-live", { env: { OPENAI_BASE_URL: model.url, ...env } });
  return { code: await started.exit, lines: started.output().trim().split("\n") };
}

test("with both keys it prints the bot's name, that the model streams and that it calls a tool", async () => {
  const telegram = await createTelegramStandIn({ token: TOKEN });

  const { code, lines } = await verify([says(["Good ", "morning!"]), calls({ name: "CheckOutOfStock" })], {
    TELEGRAM_BOT_TOKEN: TOKEN,
    TELEGRAM_API_ROOT: telegram.apiRoot,
  });
  await telegram.close();

  expect(lines).toEqual([
    "ok  Telegram: the bot is @counterhand_sandbox_bot",
    "ok  The model streams: 13 characters in 2 pieces",
    "ok  The model calls a tool: CheckOutOfStock {}",
  ]);
  expect(code).toBe(0);
  expect(telegram.calls().map(({ method }) => method)).toEqual(["getMe"]);
});

test("a part without a key is listed as not checked", async () => {
  const { code, lines } = await verify([says("Good morning!"), calls({ name: "CheckOutOfStock" })]);

  expect(lines[0]).toBe("--  Telegram: not checked, TELEGRAM_BOT_TOKEN is not set");
  expect(code).toBe(0);
});

test("a model that fails a check ends the command with one sentence and code 1", async () => {
  const { code, lines } = await verify([says("Good morning!"), says("The beans, I guess.")]);

  expect(lines.at(-1)).toBe("The model called no tool: it cannot answer with the shop's figures.");
  expect(code).toBe(1);
});

test("a refused key ends the command with one sentence and code 1", async () => {
  const refusal = {
    status: 401,
    body: {
      error: {
        message: "Incorrect API key provided.",
        type: "invalid_request_error",
        param: null,
        code: "invalid_api_key",
      },
    },
  };

  const { code, lines } = await verify([fails(refusal)]);

  expect(lines.at(-1)).toMatch(/^The model's server answered: 401 Incorrect API key/);
  expect(code).toBe(1);
});
