/**
 * The types that have an id, each with the function that loads its rows by their ids. The fields of the types are in other
 * files, which can thus refer to each other's types without importing each other.
 */
import type { Db } from "../../db/client.ts";
import { findImports, type ImportRow } from "../../db/queries/admin/imports.ts";
import { findInvites, type InviteRow } from "../../db/queries/admin/invites.ts";
import { findMessages, type MessageRow } from "../../db/queries/admin/messages.ts";
import { findRuns, type RunRow } from "../../db/queries/admin/runs.ts";
import type { Table } from "../../db/queries/admin/shapes.ts";
import { findStaffMembers, type StaffRow } from "../../db/queries/admin/staff.ts";
import { type ChatRow, findChats, findThreads, type ThreadRow } from "../../db/queries/admin/threads.ts";
import { findToolCalls, type ToolCallRow } from "../../db/queries/admin/tool-calls.ts";
import { chats, imports, messages, runs, staff, threads, toolCalls } from "../../db/schema/index.ts";
import { builder } from "../builder.ts";
import type { AdminContext } from "../context.ts";
import type { NodeType } from "../lists/ids.ts";

export const Thread = loadedNode<ThreadRow>("Thread", findThreads, threads);
export const Chat = loadedNode<ChatRow>("Chat", findChats, chats);
export const Message = loadedNode<MessageRow>("Message", findMessages, messages);
export const Run = loadedNode<RunRow>("Run", findRuns, runs);
export const ToolCall = loadedNode<ToolCallRow>("ToolCall", findToolCalls, toolCalls);
export const StaffMember = loadedNode<StaffRow>("StaffMember", findStaffMembers, staff);
export const Import = loadedNode<ImportRow>("Import", findImports, imports);
export const Invite = loadedNode<InviteRow>("Invite", findInvites);

/**
 * A field of such a type may resolve to the row or to its id. Ids are collected into one statement for each type.
 *
 * `table`: where plans (`plan/`) read its rows. A type without a table is left to the executor.
 */
function loadedNode<Row extends { id: string }>(
  name: NodeType,
  find: (db: Db, ids: readonly string[], sandbox: boolean) => Promise<Row[]>,
  table?: Table,
) {
  const node = builder.loadableNodeRef<Row>(name, {
    id: { resolve: (row) => row.id },
    load: (ids: string[], { db, environment }: AdminContext) => find(db, ids, environment.sandbox),
    sort: (row) => row.id,
    cacheResolved: (row) => row.id,
  });
  if (table) node.updateConfig((config) => ({ ...config, extensions: { ...config.extensions, table } }));
  return node;
}
