/**
 * The types that have an id, each with how it is loaded by it. Their fields are in the files beside this one, which so
 * can refer to one another's types without importing one another.
 */

import type { Db } from "../../db/client.ts";
import { findImports, type ImportRow } from "../../db/queries/admin/imports.ts";
import { findInvites, type InviteRow } from "../../db/queries/admin/invites.ts";
import { findMessages, type MessageRow } from "../../db/queries/admin/messages.ts";
import { findRuns, type RunRow } from "../../db/queries/admin/runs.ts";
import { findStaffMembers, type StaffRow } from "../../db/queries/admin/staff.ts";
import { type ChatRow, findChats, findThreads, type ThreadRow } from "../../db/queries/admin/threads.ts";
import { findToolCalls, type ToolCallRow } from "../../db/queries/admin/tool-calls.ts";
import { builder } from "../builder.ts";
import type { AdminContext } from "../context.ts";
import type { NodeType } from "../lists/ids.ts";

export const Thread = loadedNode<ThreadRow>("Thread", findThreads);
export const Chat = loadedNode<ChatRow>("Chat", findChats);
export const Message = loadedNode<MessageRow>("Message", findMessages);
export const Run = loadedNode<RunRow>("Run", findRuns);
export const ToolCall = loadedNode<ToolCallRow>("ToolCall", findToolCalls);
export const StaffMember = loadedNode<StaffRow>("StaffMember", findStaffMembers);
export const Invite = loadedNode<InviteRow>("Invite", findInvites);
export const Import = loadedNode<ImportRow>("Import", findImports);

/** A field of such a type may resolve to the row or to its id: ids are gathered into one statement for each type. */
function loadedNode<Row extends { id: string }>(
  name: NodeType,
  find: (db: Db, ids: readonly string[], sandbox: boolean) => Promise<Row[]>,
) {
  return builder.loadableNodeRef<Row>(name, {
    id: { resolve: (row) => row.id },
    load: (ids: string[], { db, environment }: AdminContext) => find(db, ids, environment.sandbox),
    sort: (row) => row.id,
    cacheResolved: (row) => row.id,
  });
}
