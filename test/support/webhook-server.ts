/** The product's HTTP server with only a webhook. */
import type { Routes } from "../../src/http/router.ts";
import { type HttpServer, startHttpServer } from "../../src/http/server.ts";

/** Listens on a free port of 127.0.0.1. The caller must close it. By default `onError` throws. */
export async function serveWebhook(
  webhook: Routes["webhook"],
  onError: (error: unknown) => void = (error) => {
    throw error;
  },
): Promise<HttpServer> {
  const http = await startHttpServer({ host: "127.0.0.1", port: 0, onError });
  http.serve({
    isReady: () => true,
    graphql: () => undefined,
    graphiql: () => false,
    metrics: () => undefined,
    webhook,
    sandbox: null,
  });
  return http;
}
