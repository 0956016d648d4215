/**
 * Rows with what they refer to, by one statement: which columns are read of a row, and which rows are joined to it.
 *
 * A `Shape` says what somebody wants to know of rows of one kind. It knows no GraphQL; `admin-paging.ts` reads the rows that a
 * shape is put on.
 */
import { and, desc, eq, getColumns, type SQL, sql } from "drizzle-orm";
import { type AnyPgColumn, alias, type PgTable } from "drizzle-orm/pg-core";
import type { Db } from "../../client.ts";
import { chats, messages, runs, staff, threads, toolCalls } from "../../schema/index.ts";
import type { Key } from "./keyset.ts";

/** The kinds of rows that a shape can be put on. */
export const SHAPED = {
  Chat: chats,
  Message: messages,
  Run: runs,
  StaffMember: staff,
  Thread: threads,
  ToolCall: toolCalls,
} as const satisfies Record<string, PgTable>;

export type ShapedKind = keyof typeof SHAPED;

/** What is wanted of rows of one kind. */
export interface Shape {
  readonly kind: ShapedKind;
  /** Names of columns, as in TypeScript. */
  readonly columns: ReadonlySet<string>;
  /** Names of columns with instants that are wanted as Postgres writes them: see `instantKey`. */
  readonly instants: ReadonlySet<string>;
  /** Rows that it refers to: under which name (short, and no column's), by which of its columns, and what is wanted of them. */
  readonly one: ReadonlyMap<string, { readonly by: string; readonly shape: Shape }>;
  /** Of a thread: under which names its last message is wanted, of this role or of any. */
  readonly lastMessage: ReadonlyMap<string, { readonly role: "user" | "assistant" | null; readonly shape: Shape }>;
  /** Of a thread: whether its messages are counted. */
  readonly countsMessages: boolean;
}

/** What a row of some shape is read as: its columns by their names, what it refers to beneath `one`. */
export interface ShapedRow {
  readonly [column: string]: unknown;
}

/** Under which name a row has an instant as text. A page has hundreds, and a `Date` made of each only to be written again costs. */
export function instantKey(column: string): string {
  return `${column} as text`;
}

export function isColumn(kind: ShapedKind, name: string): boolean {
  return name in columnsOf(SHAPED[kind]);
}

type Field = AnyPgColumn | SQL.Aliased;

/** The columns that a page must have for a shape, and for the key of its list. */
export function pageColumns({ kind, columns, instants, one }: Shape, key: Key = []): Record<string, Field> {
  const names = new Set(["id", ...columns, ...instants, ...[...one.values()].map(({ by }) => by)]);
  const isKey = (column: Field) => key.some((value) => value.column === column);
  return Object.fromEntries(
    Object.entries(columnsOf(SHAPED[kind])).filter(([name, column]) => names.has(name) || isKey(column)),
  );
}

/** Of any table, as what it is for everybody: the types of one table's columns say nothing of another's. */
function columnsOf(table: PgTable): Record<string, AnyPgColumn> {
  return getColumns<PgTable>(table);
}

/** How many rows a shape has joined to each of its own, those that are joined to these counted in. */
export function countJoins({ one, lastMessage }: Shape): number {
  const joined = [...one.values(), ...lastMessage.values()];
  return joined.reduce((count, { shape }) => count + 1 + countJoins(shape), 0);
}

/** Joins to the rows of `page` what the shape wants beside them. */
export interface Joining {
  /** What is selected, under keys that `readShaped` takes apart. */
  readonly fields: Record<string, Field>;
  /** In this order: one may refer to those before it. */
  readonly joins: readonly Join[];
}

type Join =
  | { readonly table: PgTable; readonly on: SQL }
  /** A last message, which is looked up for each row. */
  | { readonly lateral: ReturnType<typeof lastMessageOf> };

export function joinShape(db: Db, shape: Shape, page: Record<string, Field>): Joining {
  const joins: Join[] = [];
  const fields: Record<string, Field> = {};
  const add = (of: Shape, path: string, columns: Record<string, Field>) => {
    for (const name of ["id", ...of.columns]) {
      const column = columns[name];
      if (column) fields[`${path}${name}`] = column;
    }
    for (const name of of.instants) {
      const at = `${path}${instantKey(name)}`;
      fields[at] = sql<string | null>`${columns[name]}`.as(at);
    }
    for (const [name, { by, shape: wanted }] of of.one) {
      const at = `${path}${name}.`;
      const table = alias(SHAPED[wanted.kind] as PgTable, at);
      const joined = columnsOf(table);
      joins.push({ table, on: sql`${joined.id} = ${columns[by]}` });
      add(wanted, at, joined);
    }
    for (const [name, { role, shape: wanted }] of of.lastMessage) {
      const at = `${path}${name}.`;
      const last = lastMessageOf(db, sql`${columns.id}`, { role, shape: wanted, at });
      joins.push({ lateral: last });
      // Drizzle cannot name the columns of a table that it does not know, and gives none of them a type.
      add(wanted, at, last._.selectedFields as object as Record<string, Field>);
    }
    if (of.countsMessages) {
      const count = db.$count(messages, sql`${messages.threadId} = ${columns.id}`);
      fields[`${path}messageCount`] = sql<number>`(${count})::integer`.as(`${path}messageCount`);
    }
  };
  add(shape, "", page);
  return { fields, joins };
}

function lastMessageOf(
  db: Db,
  threadId: SQL,
  { role, shape, at }: { role: "user" | "assistant" | null; shape: Shape; at: string },
) {
  return db
    .select(pageColumns(shape))
    .from(messages as PgTable)
    .where(and(sql`${messages.threadId} = ${threadId}`, role === null ? undefined : eq(messages.role, role)))
    .orderBy(desc(messages.position))
    .limit(1)
    .as(at);
}

/** A flat row, as it was selected by `joinShape`, as rows within rows. */
export function readShaped(shape: Shape, flat: ShapedRow, path = ""): ShapedRow {
  const row: Record<string, unknown> = { id: flat[`${path}id`] };
  for (const name of shape.columns) row[name] = flat[`${path}${name}`];
  for (const name of shape.instants) row[instantKey(name)] = flat[`${path}${instantKey(name)}`];
  if (shape.countsMessages) row.messageCount = flat[`${path}messageCount`];
  for (const [name, { shape: wanted }] of [...shape.one, ...shape.lastMessage]) {
    const at = `${path}${name}.`;
    row[name] = flat[`${at}id`] === null ? null : readShaped(wanted, flat, at);
  }
  return row;
}
