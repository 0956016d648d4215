/** Production and sandbox on one database, and a terminal chat: the data of each, and an API for each environment. */
import { randomBytes } from "node:crypto";
import { sql } from "drizzle-orm";
import type { Db } from "../../src/db/client.ts";
import { createAdminToken } from "../../src/db/queries/admin/tokens.ts";
import { invites } from "../../src/db/schema/index.ts";
import { hashToken } from "../../src/graphql/guards/auth.ts";
import { encodeGlobalId } from "../../src/graphql/lists/ids.ts";
import { LARGEST_TELEGRAM_ID } from "../../src/shop/telegram-ids.ts";
import {
  insertChat,
  insertMessages,
  insertRun,
  insertStaffMember,
  insertThread,
  insertToolCall,
} from "../support/conversations.ts";
import { type AdminClient, startAdminApi } from "./admin-client.ts";

/** One row of each kind per environment. */
export interface Environment {
  api: AdminClient;
  name: string;
  token: string;
  ids: { invite: string; token: string; member: string };
  talk: Talk;
}

export interface Environments {
  real: Environment;
  sandbox: Environment;
  terminal: Talk;
  /** Each environment, paired with the other one. */
  each: readonly (readonly [own: Environment, other: Environment])[];
  close(): Promise<void>;
}

export async function startEnvironments(): Promise<Environments> {
  const api = await startAdminApi();
  const sandboxApi = await startAdminApi({ shared: api.testDatabase, environment: { sandbox: true } });
  const real = await fill(api, { name: "real", sandbox: false });
  const sandbox = await fill(sandboxApi, { name: "sandbox", sandbox: true });
  const chat = { botId: null, telegramId: null, type: "terminal" as const };
  const terminal = await fillTalk(api.db, { name: "terminal", chat, memberId: null });
  const each = [[real, sandbox] as const, [sandbox, real] as const];
  const close = async () => {
    await sandboxApi.close();
    await api.close();
  };
  return { real, sandbox, terminal, each, close };
}

async function fill(api: AdminClient, environment: { name: string; sandbox: boolean }): Promise<Environment> {
  const { db } = api;
  const { name } = environment;
  const person = { name, username: "lan", role: "owner" as const };
  const member = await insertStaffMember(db, {
    ...person,
    ...(environment.sandbox && { telegramUserId: 2 ** 52 + 1 }),
  });
  const expiresAt = sql`now() + interval '1 hour'`;
  const [invite] = await db
    .insert(invites)
    .values({ codeHash: randomBytes(32), role: "staff", createdBy: member.id, expiresAt })
    .returning();
  const token = `a-token-of-the-${name}-${randomBytes(16).toString("hex")}`;
  const facts = { ...environment, scope: "admin", expiresAt: null } as const;
  const tokenId = await createAdminToken(db, { ...facts, tokenHash: hashToken(token) });
  const chat = { botId: environment.sandbox ? LARGEST_TELEGRAM_ID + 1 : 7 };
  const talk = await fillTalk(db, { name, chat, memberId: member.id });
  const ids = {
    invite: encodeGlobalId("Invite", invite?.id ?? ""),
    token: encodeGlobalId("AdminToken", tokenId),
    member: encodeGlobalId("StaffMember", member.id),
  };
  return { api, name, token, ids, talk };
}

/** One conversation: the ids of its rows, and the global ids of those that are nodes. */
type Talk = Awaited<ReturnType<typeof fillTalk>>;

async function fillTalk(
  db: Db,
  { name, chat, memberId }: { name: string; chat: Parameters<typeof insertChat>[1]; memberId: string | null },
) {
  const { id: chatId } = await insertChat(db, { ...chat, title: name });
  const { id: threadId } = await insertThread(db, { chatId, title: name });
  const asked = { threadId, askerId: memberId, model: name, inputTokens: 10, outputTokens: 1 };
  const run = await insertRun(db, { ...asked, status: "in_progress" });
  const [message] = await insertMessages(db, threadId, [{ text: `hello ${name}`, authorId: memberId, runId: run.id }]);
  const call = await insertToolCall(db, run);
  const nodes = {
    chat: encodeGlobalId("Chat", chatId),
    thread: encodeGlobalId("Thread", threadId),
    message: encodeGlobalId("Message", message?.id ?? ""),
    run: encodeGlobalId("Run", run.id),
    call: encodeGlobalId("ToolCall", call.id),
  };
  return { name, threadId, runId: run.id, nodes };
}
