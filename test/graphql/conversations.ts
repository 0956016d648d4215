/** Various conversations, for tests that read them in many ways. */
import type { Db } from "../../src/db/client.ts";
import {
  insertChat,
  insertMessages,
  insertRun,
  insertStaffMember,
  insertThread,
  insertToolCall,
  instant,
} from "../support/conversations.ts";

/** Threads with 0 to 6 messages, runs in several states and their tool calls, of two people in several chats. */
export async function fillConversations(db: Db): Promise<void> {
  const authors = [await insertStaffMember(db), await insertStaffMember(db, { username: "linh" })];
  const [quoted] = await insertMessages(db, (await insertThread(db)).id, ["beans?"]);
  const quote = { quoteText: "beans", quoteContext: "beans?", quoteMessageId: quoted?.id ?? null };
  for (let index = 0; index < 7; index++) {
    const chat = await insertChat(db, { title: index === 3 ? null : `Chat ${index} "🧋"` });
    const thread = await insertThread(db, {
      chatId: chat.id,
      title: index === 2 ? null : `Thread ${index}`,
      lastActivityAt: instant(`2026-11-1${index}T08:00:00.123456Z`),
      status: index % 2 === 0 ? "open" : "closed",
    });
    const said = [];
    for (let position = 1; position <= index; position++) {
      const status = (["completed", "failed", "cancelled"] as const)[position % 3] ?? "completed";
      const run = await insertRun(db, {
        threadId: thread.id,
        position,
        status,
        inputTokens: position,
        outputTokens: 2,
      });
      for (let call = 1; call <= position % 3; call++) await insertToolCall(db, run, { position: call });
      const author = { authorId: authors[position % 2]?.id ?? null, runId: run.id };
      said.push({ text: `word ${position} cà phê`, ...author, ...(position % 2 === 0 && quote) });
    }
    if (said.length > 0) await insertMessages(db, thread.id, said);
  }
}
