/** A real bot and the sandbox on one database, and a chat of the terminal: what each has, and the API of each. */
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

/** What each side has of everything. */
export interface Side {
  api: AdminClient;
  name: string;
  token: string;
  ids: { invite: string; token: string; member: string };
  talk: Talk;
}

export interface Sides {
  real: Side;
  sandbox: Side;
  terminal: Talk;
  /** Each side, and the other beside it. */
  each: readonly (readonly [own: Side, other: Side])[];
  close(): Promise<void>;
}

export async function startSides(): Promise<Sides> {
  const api = await startAdminApi();
  const ofSandbox = await startAdminApi({ shared: api.testDatabase, environment: { sandbox: true } });
  const real = await fill(api, { name: "real", sandbox: false });
  const sandbox = await fill(ofSandbox, { name: "sandbox", sandbox: true });
  const chat = { botId: null, telegramId: null, type: "terminal" as const };
  const terminal = await fillTalk(api.db, { name: "terminal", chat, memberId: null });
  const each = [[real, sandbox] as const, [sandbox, real] as const];
  const close = async () => {
    await ofSandbox.close();
    await api.close();
  };
  return { real, sandbox, terminal, each, close };
}

async function fill(api: AdminClient, side: { name: string; sandbox: boolean }): Promise<Side> {
  const { db } = api;
  const { name } = side;
  const person = { name, username: "lan", role: "owner" as const };
  const member = await insertStaffMember(db, { ...person, ...(side.sandbox && { telegramUserId: 2 ** 52 + 1 }) });
  const expiresAt = sql`now() + interval '1 hour'`;
  const [invite] = await db
    .insert(invites)
    .values({ codeHash: randomBytes(32), role: "staff", createdBy: member.id, expiresAt })
    .returning();
  const token = `a-token-of-the-${name}-${randomBytes(16).toString("hex")}`;
  const facts = { ...side, scope: "admin", expiresAt: null } as const;
  const tokenId = await createAdminToken(db, { ...facts, tokenHash: hashToken(token) });
  const chat = { botId: side.sandbox ? LARGEST_TELEGRAM_ID + 1 : 7 };
  const talk = await fillTalk(db, { name, chat, memberId: member.id });
  const ids = {
    invite: encodeGlobalId("Invite", invite?.id ?? ""),
    token: encodeGlobalId("AdminToken", tokenId),
    member: encodeGlobalId("StaffMember", member.id),
  };
  return { api, name, token, ids, talk };
}

/** One conversation: its rows' ids, and the global ones of those that are nodes. */
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
