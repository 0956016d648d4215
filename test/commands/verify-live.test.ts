import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
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

  const turns = [says(["Good ", "morning!"]), calls({ name: "CheckOutOfStock" }), says("read")];
  const { code, lines } = await verify(turns, { TELEGRAM_BOT_TOKEN: TOKEN, TELEGRAM_API_ROOT: telegram.apiRoot });
  await telegram.close();

  expect(lines).toEqual([
    "ok  Telegram: the bot is @counterhand_sandbox_bot",
    "ok  The model streams: 13 characters in 2 pieces",
    "ok  The model calls a tool: CheckOutOfStock {}",
    expect.stringMatching(/^ok {2}The model reads long threads: 40040 characters are \d{4,} tokens$/),
  ]);
  expect(code).toBe(0);
  expect(telegram.calls().map(({ method }) => method)).toEqual(["getMe"]);
});

test("a part without a key is listed as not checked", async () => {
  const { code, lines } = await verify([says("Good morning!"), calls({ name: "CheckOutOfStock" }), says("read")]);

  expect(lines[0]).toBe("--  Telegram: not checked, TELEGRAM_BOT_TOKEN is not set");
  expect(code).toBe(0);
});

test("a model that fails a check ends the command with one sentence and code 1", async () => {
  const { code, lines } = await verify([says("Good morning!"), says("The beans, I guess.")]);

  expect(lines.at(-1)).toBe("The model called no tool: it cannot answer with the shop's figures.");
  expect(code).toBe(1);
});

test("a server that cuts a long input without a word is found, with what to do about it", async () => {
  const cutting = createServer((request, response) => {
    request.resume().once("end", () => {
      const call = { type: "function_call", call_id: "call_1", name: "CheckOutOfStock", arguments: "{}" };
      const message = { type: "message", content: [{ type: "output_text", text: "read" }] };
      const usage = { input_tokens: 2_050, output_tokens: 2 };
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end(
        `data: ${JSON.stringify({ type: "response.completed", response: { output: [message, call], usage } })}\n\n`,
      );
    });
  });
  await once(cutting.listen(0, "127.0.0.1"), "listening");
  const { port } = cutting.address() as AddressInfo;

  const { code, lines } = await verify([], { OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1` });
  cutting.close();

  expect(lines.at(-1)).toMatch(/^The model's server read 2050 tokens of 40040 characters.*OLLAMA_CONTEXT_LENGTH/);
  expect(code).toBe(1);
});

test("a server without the Responses API is found, with what to set", async () => {
  const { code, lines } = await verify([fails({ status: 404 })]);

  expect(lines.at(-1)).toMatch(/has no \/v1\/responses, or no model gpt-6-luna: see OPENAI_BASE_URL, OPENAI_MODEL\./);
  expect(lines.at(-1)).toContain("OPENAI_API=chat");
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

  expect(lines.at(-1)).toMatch(/^The model's server answered 401 Incorrect API key.*see OPENAI_API_KEY/);
  expect(code).toBe(1);
});
