/** The API under fuzz, with rows in its database. */
import { drizzle } from "drizzle-orm/postgres-js";
import type { Sql } from "postgres";
import type { Database, Db } from "../../../src/db/client.ts";
import { listen } from "../../../src/db/notify/notify.ts";
import { createAdminToken } from "../../../src/db/queries/admin/tokens.ts";
import { hashToken } from "../../../src/graphql/guards/auth.ts";
import { createActivityHub } from "../../../src/graphql/live/activity-hub.ts";
import { createAdminApi } from "../../../src/graphql/server.ts";
import { makeToken } from "../../../src/tokens/make-token.ts";
import {
  insertChat,
  insertMessages,
  insertReply,
  insertRun,
  insertStaffMember,
  insertThread,
  insertToolCall,
} from "../../support/conversations.ts";
import { createTestEnvironment } from "../api-environment.ts";
import type { FuzzRequest } from "./requests.ts";
import type { Answer } from "./response-checks.ts";
import type { Known } from "./values.ts";

export interface FuzzTarget {
  readonly known: Known;
  /** Errors and warnings that the API logged. */
  readonly errors: unknown[];
  /** Sends one request. Call it sequentially, because the count of statements is shared. */
  ask(request: FuzzRequest): Promise<Answer>;
}

const THREADS = 6;
/** More than one page. */
const MESSAGES = 110;

export async function createFuzzTarget(database: Database): Promise<FuzzTarget> {
  const { db } = database;
  const errors: unknown[] = [];
  let statements = 0;
  const counted = drizzle({
    // The same connections, with counted statements.
    client: (db as unknown as { $client: Sql }).$client,
    logger: {
      logQuery: () => {
        statements += 1;
      },
    },
  });
  const tokens = { admin: makeToken().token, viewer: makeToken().token, nobody: null };
  const recordError = (facts: unknown) => void errors.push(facts);
  const logger = { error: recordError, warn: recordError, info: () => undefined };
  const api = createAdminApi({
    db: counted,
    activity: createActivityHub({
      db: counted,
      sandbox: false,
      listen: (handler) => listen(database, handler),
      logger,
    }),
    environment: createTestEnvironment(),
    adminTokenHash: hashToken(tokens.admin),
    logger,
    rateLimit: null,
  });
  await fill(db);
  const facts = { name: "viewer", scope: "viewer", sandbox: false, expiresAt: null } as const;
  await createAdminToken(db, { ...facts, tokenHash: hashToken(tokens.viewer) });

  const send = async ({ method, contentType, sent, as }: Omit<FuzzRequest, "fields">) => {
    const headers = new Headers({ "x-graphql-yoga-csrf": "1" });
    if (contentType) headers.set("content-type", contentType);
    if (tokens[as] !== null) headers.set("authorization", `Bearer ${tokens[as]}`);
    const address = "http://localhost/graphql";
    return method === "GET"
      ? api.fetch(`${address}?${sent}`, { headers })
      : api.fetch(address, { method, headers, body: sent });
  };
  return {
    errors,
    known: await findKnown(send),
    ask: async (request) => {
      statements = 0;
      const response = await send(request);
      return { status: response.status, text: await response.text(), statements };
    },
  };
}

/** A few rows of each kind, and more messages than fit on a page. */
async function fill(db: Db): Promise<void> {
  const author = await insertStaffMember(db);
  const chat = await insertChat(db, { type: "supergroup" });
  for (let index = 0; index < THREADS; index++) {
    const thread = await insertThread(db, { chatId: chat.id, title: `thread ${index}` });
    const run = await insertRun(db, { threadId: thread.id, model: "gpt-6-luna", startedAt: new Date(0) });
    await insertRun(db, { threadId: thread.id, position: 2, status: "failed" });
    const texts = Array.from({ length: index === 0 ? MESSAGES : 3 }, () => ({
      text: "hello, đá xay?",
      authorId: author.id,
      runId: run.id,
      role: "user" as const,
    }));
    await insertMessages(db, thread.id, texts);
    await insertToolCall(db, run, { output: { rows: [1, 2, 3] } });
    await insertToolCall(db, run, { position: 2, status: "failed", error: "TIMEOUT" });
    await insertReply(db, { runId: run.id, chatId: chat.id, telegramMessageIds: [1, 2] });
  }
}

const KNOWN_QUERY = `{
  threads(first: 2) { edges { cursor node { id chat { id } messages(first: 2) { edges { cursor node { id author { id } } } } } } }
  runs(first: 2) { edges { cursor node { id } } }
  toolCalls(first: 2) { edges { cursor node { id } } }
}`;

async function findKnown(send: (request: Omit<FuzzRequest, "fields">) => Promise<Response>): Promise<Known> {
  const sent = JSON.stringify({ query: KNOWN_QUERY });
  const text = await (await send({ method: "POST", contentType: "application/json", sent, as: "admin" })).text();
  const all = (name: string) =>
    [...text.matchAll(new RegExp(`"${name}":"([^"]+)"`, "g"))].map(([, value]) => value ?? "");
  return { ids: all("id"), cursors: all("cursor") };
}
