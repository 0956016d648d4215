import type { Update } from "@grammyjs/types";
import { expect, test } from "vitest";
import { sequentialize } from "../../../src/bot/intake/sequentialize.ts";

test("chats are processed concurrently, each in its order", async () => {
  const release = Promise.withResolvers<void>();
  const begun: number[] = [];

  const working = sequentialize([inChat(1, 7), inChat(2, 8), inChat(3, 7), inChat(4, 8)], async (update) => {
    begun.push(update.update_id);
    if (update.update_id === 1) await release.promise;
    if (update.update_id === 4) release.resolve();
    return true;
  });

  expect(await working).toBe(4);
  expect(begun).toEqual([1, 2, 4, 3]);
});

test("an update that is not done blocks its chat, and the confirmation of all later updates", async () => {
  const taken: number[] = [];
  const updates = [inChat(1, 7), inChat(2, 8), inChat(3, 7), inChat(4, 8), inChat(5, 9)];

  const confirmable = await sequentialize(updates, async ({ update_id: id }) => {
    if (id === 2) return false;
    taken.push(id);
    return true;
  });

  expect(confirmable).toBe(1);
  expect(taken.sort()).toEqual([1, 3, 5]);
});

test("no more than twelve chats are processed at once", async () => {
  let now = 0;
  let most = 0;
  const updates = Array.from({ length: 40 }, (_, index) => inChat(index, index));

  await sequentialize(updates, async () => {
    most = Math.max(most, ++now);
    await new Promise(setImmediate);
    now -= 1;
    return true;
  });

  expect(most).toBe(12);
});

test("edits and button presses keep the order of their chat, and updates without a chat have their own order", async () => {
  const chat = { id: 7, type: "private", first_name: "An" } as const;
  const updates = [
    inChat(1, 7),
    { update_id: 2, edited_message: { chat } },
    { update_id: 3, callback_query: { message: { chat } } },
    { update_id: 4, callback_query: {} },
    { update_id: 5, poll: {} },
  ] as Update[];

  expect(await waysOf(updates)).toEqual([
    [1, 2, 3],
    [4, 5],
  ]);
});

test("a group that becomes a supergroup within a batch stays in order", async () => {
  const to = { update_id: 2, message: { chat: { id: -7 }, migrate_to_chat_id: -1007 } };
  const from = { update_id: 3, message: { chat: { id: -1007 }, migrate_from_chat_id: -7 } };

  expect(await waysOf([inChat(1, -7), to, inChat(4, -1007)] as Update[])).toEqual([[1, 2, 4]]);
  expect(await waysOf([inChat(1, -7), from, inChat(4, -1007)] as Update[])).toEqual([[1, 3, 4]]);
});

test("an empty batch is fully confirmed", async () => {
  expect(await sequentialize([], async () => true)).toBe(0);
});

/** The updates that are processed one after the other: a refused one blocks the later ones. */
async function waysOf(updates: Update[]): Promise<number[][]> {
  const ways = new Map<number, number[]>();
  for (const { update_id: first } of updates) {
    const held = new Set(updates.map(({ update_id: id }) => id));
    await sequentialize(updates, async ({ update_id: id }) => {
      held.delete(id);
      return id !== first;
    });
    const way = [first, ...held];
    if (![...ways.values()].some((known) => known.includes(first))) ways.set(first, way);
  }
  return [...ways.values()];
}

function inChat(update_id: number, chatId: number): Update {
  return { update_id, message: { chat: { id: chatId } } } as Update;
}
