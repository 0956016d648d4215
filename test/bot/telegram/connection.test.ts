import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { fetchBotInfo } from "../../../src/bot/telegram/connection.ts";

const TOKEN = "123456789:AAFabcdefghijklmnopqrstuvwxyz_-12345";

/** A server that answers each request with a page. */
async function startPage(): Promise<string> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/html" });
    response.end("<html>Sign in</html>");
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => void server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("a server that is no Bot API server is named as that, and not as blocked", async () => {
  const apiRoot = `http://${await startPage()}`;

  await expect(fetchBotInfo({ token: TOKEN, apiRoot, proxy: null })).rejects.toThrow(
    /no Bot API server: correct TELEGRAM_API_ROOT/,
  );
});

test("https:// at a port without TLS is told on one line, without the token", async () => {
  const apiRoot = `https://${await startPage()}`;

  const error: Error = await fetchBotInfo({ token: TOKEN, apiRoot, proxy: null }).catch((reason) => reason);

  expect(error.message).toMatch(/^Cannot reach Telegram at https:[^\n]+$/);
  expect(error.message).not.toContain(TOKEN);
});

test("a proxy that gets addresses, where the name is not known here, is told of socks5h", async () => {
  const apiRoot = "http://telegram.invalid";

  await expect(fetchBotInfo({ token: TOKEN, apiRoot, proxy: "socks5://127.0.0.1:1" })).rejects.toThrow(/socks5h:\/\//);
});
