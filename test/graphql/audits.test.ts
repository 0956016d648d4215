/** The GraphQL over HTTP audits of the graphql-http package, each as one test. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { serverAudits } from "graphql-http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ADMIN_TOKEN, type AdminClient, startAdminApi } from "./admin-client.ts";

let admins: AdminClient;
let server: Server;
let url: string;
beforeAll(async () => {
  admins = await startAdminApi();
  server = createServer(admins.api);
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
  await admins.close();
});

/** Requests like those of our clients: with a token and the CSRF header. */
function fetchAsAdmin(input: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.set("authorization", `Bearer ${ADMIN_TOKEN}`);
  headers.set("x-graphql-yoga-csrf", "1");
  return fetch(input, { ...init, headers });
}

const audits = serverAudits({ url: () => url, fetchFn: fetchAsAdmin });

test.each(audits.map((audit) => [audit.id, audit.name, audit] as const))("%s: %s", async (_, __, audit) => {
  const result = await audit.fn();

  expect([result.status, "reason" in result ? result.reason : null]).toEqual(["ok", null]);
});

test("the number of audits is as expected", () => {
  expect(audits).toHaveLength(61);
});
