import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { fetchBotInfo } from "../../../src/bot/telegram/connection.ts";

const TOKEN = "123456789:AAFabcdefghijklmnopqrstuvwxyz_-12345";

/** A server that answers each request with the same text. */
async function startServer(status: number, text: string): Promise<string> {
  const server = createServer((_request, response) => response.writeHead(status).end(text));
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => void server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test.each([
  [200, "<html>Sign in</html>"],
  [404, '{"detail":"Not Found"}'],
  [200, '{"status":"ok"}'],
])("a server that is no Bot API server is named as that, and not as blocked: %i %s", async (status, text) => {
  const apiRoot = `http://${await startServer(status, text)}`;

  await expect(fetchBotInfo({ token: TOKEN, apiRoot, proxy: null })).rejects.toThrow(
    /^Cannot reach Telegram at http:(?!.*undefined).*no Bot API server: correct TELEGRAM_API_ROOT/,
  );
});

test("https:// at a port without TLS is told on one line, without the token", async () => {
  const apiRoot = `https://${await startServer(200, "")}`;

  const error: Error = await fetchBotInfo({ token: TOKEN, apiRoot, proxy: null }).catch((reason) => reason);

  expect(error.message).toMatch(/^Cannot reach Telegram at https:[^\n]+$/);
  expect(error.message).not.toContain(TOKEN);
});

test("a proxy that gets addresses, where the name is not known here, is told of socks5h", async () => {
  const apiRoot = "http://telegram.invalid";

  await expect(fetchBotInfo({ token: TOKEN, apiRoot, proxy: "socks5://127.0.0.1:1" })).rejects.toThrow(/socks5h:\/\//);
});
