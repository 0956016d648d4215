/**
 * The data that clients read: 57 threads, which fill two pages and a part of a third. In some threads nothing happens until a
 * test performs an action. Returns all that tests compare, in the form in which the API shows it.
 */
import type { Db } from "../../src/db/client.ts";
import { encodeGlobalId } from "../../src/graphql/lists/ids.ts";
import {
  insertChat,
  insertMessages,
  insertRun,
  insertStaffMember,
  insertThread,
  insertToolCall,
} from "../support/conversations.ts";

export interface SeededThread {
  readonly id: string;
  readonly title: string;
  readonly status: "OPEN" | "CLOSED";
  readonly createdAt: string;
  readonly lastActivityAt: string;
  readonly staffMemberId: string;
  readonly hasFailedRuns: boolean;
  readonly tool: string;
}

export interface Seeded {
  readonly threads: readonly SeededThread[];
  readonly staff: readonly { readonly id: string; readonly name: string }[];
  /** The texts of the first thread's messages, in order. */
  readonly longThreadTexts: readonly string[];
  /** Ids of threads for tests of subscriptions, also in `threads`. Each test uses its own. */
  readonly quietThreadIds: readonly string[];
}

const THREADS = 57;
const QUIET_THREADS = 4;
const LONG_THREAD_MESSAGES = 45;
const MINUTE_MS = 60_000;
const LAST_ACTIVITY_MS = Date.UTC(2026, 10, 15, 8);

export async function seed(db: Db): Promise<Seeded> {
  const staff = [await insertStaffMember(db, { name: "Linh" }), await insertStaffMember(db, { name: "An" })];
  const longThreadTexts = Array.from({ length: LONG_THREAD_MESSAGES }, (_, index) => `message ${index + 1}: sữa đá 🧋`);
  const threads: SeededThread[] = [];
  for (let index = 0; index < THREADS; index++) {
    const author = staff[index % staff.length];
    if (!author) throw new Error("no staff");
    const texts = index === 0 ? longThreadTexts : [`question ${index}`, `answer ${index}`];
    threads.push(await seedThread(db, index, author.id, texts));
  }
  return {
    threads,
    staff: staff.map(({ id, name }) => ({ id: encodeGlobalId("StaffMember", id), name })),
    longThreadTexts,
    quietThreadIds: threads.slice(-QUIET_THREADS).map(({ id }) => id),
  };
}

async function seedThread(db: Db, index: number, authorId: string, texts: readonly string[]): Promise<SeededThread> {
  const isOpen = index % 3 === 0;
  const hasFailedRuns = index % 5 === 0;
  const tool = index % 4 === 0 ? "CheckDailyRevenue" : "CheckOutOfStock";
  const chat = await insertChat(db, { title: `chat ${index}` });
  const lastActivityAt = new Date(LAST_ACTIVITY_MS - index * MINUTE_MS);
  // Not the order of the last activity: 17 and 57 are coprime.
  const createdAt = new Date(LAST_ACTIVITY_MS - (100 + ((index * 17) % THREADS)) * MINUTE_MS);
  const title = `thread ${index}`;
  const status = isOpen ? "open" : "closed";
  const thread = await insertThread(db, { chatId: chat.id, title, status, createdAt, lastActivityAt });
  const run = await insertRun(db, {
    threadId: thread.id,
    askerId: authorId,
    status: hasFailedRuns ? "failed" : "completed",
  });
  await insertToolCall(db, run, { name: tool, output: { index } });
  await insertMessages(
    db,
    thread.id,
    texts.map((text, place) => ({ text, ...(place % 2 === 0 && { authorId }) })),
  );
  return {
    id: encodeGlobalId("Thread", thread.id),
    title,
    status: isOpen ? "OPEN" : "CLOSED",
    createdAt: createdAt.toISOString(),
    lastActivityAt: lastActivityAt.toISOString(),
    staffMemberId: encodeGlobalId("StaffMember", authorId),
    hasFailedRuns,
    tool,
  };
}
