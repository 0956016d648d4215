/**
 * Checks before anything is changed whether this role can create the tables, or use them, and whether the database is ours.
 *
 * Otherwise a migration would fail with the server's words, which name neither the role nor what to do.
 */
import { getTableName, is, type SQL, sql } from "drizzle-orm";
import { isPgSequence, PgTable } from "drizzle-orm/pg-core";
import { StartupError } from "../errors.ts";
import { type Db, readOnly } from "./client.ts";
import { quoteName } from "./connection-failure.ts";
import { findMigrations, type Migrations } from "./migrate.ts";
import * as schema from "./schema/index.ts";

/** The names of our tables and sequences, in the order in which the schema has them. */
const NAMES = Object.values(schema).flatMap((value) => {
  if (is(value, PgTable)) return [getTableName(value)];
  return isPgSequence(value) && value.seqName ? [value.seqName] : [];
});

/** How long a statement may take, in milliseconds: they only read the catalogs. */
const STATEMENT_TIMEOUT_MS = 10_000;

/**
 * On one snapshot: otherwise the tables that another process commits meanwhile would look like another program's.
 *
 * @throws {StartupError} with the statements that give the role what it lacks.
 */
export function checkRights(db: Db): Promise<void> {
  return readOnly(db, { statementTimeoutMs: STATEMENT_TIMEOUT_MS }, check);
}

async function check(db: Db): Promise<void> {
  const [role] = await db.execute<Role>(sql`select current_user as "user", current_database() as "database",
    current_schema() as "schema", current_setting('search_path') as "searchPath",
    has_database_privilege(current_database(), 'CREATE') as "mayCreateSchema",
    has_database_privilege(current_database(), 'TEMPORARY') as "mayCreateTemporary"`);
  if (!role) throw new Error("a select without a table returns a row");
  if (role.schema === null) throw new StartupError(noSchema(role));
  const migrations = await findMigrations(db);
  const missing = role.mayCreateTemporary
    ? []
    : [`GRANT TEMPORARY ON DATABASE ${quoteName(role.database)} TO ${quoteName(role.user)}`];
  if (migrations === "unreadable") missing.push(...grantsOfUse(role));
  else if (migrations.pending.length === 0) missing.push(...(await findMissingUse(db, role)));
  else missing.push(...(await findMissingCreation(db, role, migrations)));
  if (missing.length === 0) return rejectHiddenRows(db, role);
  throw new StartupError(
    `The role ${quoteName(role.user)} lacks rights in the database ${quoteName(role.database)}. Run there, as the owner of its tables or as a superuser: ${missing.join("; ")}.`,
  );
}

/** A policy cannot be judged from here, and wrong figures would be worse than a refusal. */
async function rejectHiddenRows(db: Db, { user, database }: Role): Promise<void> {
  const tables = await db.execute<{ name: string }>(sql`select oid::regclass::text as name from pg_class
    where ${isNamedAsOurs()} and pg_table_is_visible(oid) and row_security_active(oid) order by name`);
  if (tables.length === 0) return;
  const statements = tables.map(({ name }) => `ALTER TABLE ${name} DISABLE ROW LEVEL SECURITY`);
  throw new StartupError(
    `Row-level security hides rows from the role ${quoteName(user)}. Run in the database ${quoteName(database)}, as the owner of its tables: ${statements.join("; ")}.`,
  );
}

type Role = Record<string, unknown> & {
  readonly user: string;
  readonly database: string;
  /** Where new tables go; null when no schema of the search path exists or may be used. */
  readonly schema: string | null;
  readonly searchPath: string;
  readonly mayCreateSchema: boolean;
  readonly mayCreateTemporary: boolean;
};

function noSchema({ user, searchPath }: Role): string {
  return `The role ${quoteName(user)} may use no schema of its search_path (${searchPath}): run GRANT USAGE, CREATE ON SCHEMA public TO ${quoteName(user)}, and remove a search_path that lacks public.`;
}

/** What a role needs that changes the tables: at the first start, and after an upgrade. */
async function findMissingCreation(db: Db, role: Role, { applied, isForeign }: Migrations): Promise<string[]> {
  const user = quoteName(role.user);
  if (isForeign) throw notOurs(role, "the record of another program's migrations (drizzle.__drizzle_migrations)");
  if (applied === 0) await rejectForeignTables(db, role);
  const missing: string[] = [];
  const schemas = await db.execute<{ name: string }>(sql`select nspname as name from pg_namespace
    where nspname in (${role.schema}::text, 'public') and not has_schema_privilege(oid, 'CREATE') order by nspname`);
  for (const { name } of schemas) missing.push(`GRANT CREATE ON SCHEMA ${quoteName(name)} TO ${user}`);
  // For the schema "drizzle", also where it exists.
  if (!role.mayCreateSchema) missing.push(`GRANT CREATE ON DATABASE ${quoteName(role.database)} TO ${user}`);
  const owners = await db.execute<{
    owner: string;
  }>(sql`select distinct pg_get_userbyid(relowner) as owner from pg_class
    where ${isNamedAsOurs()} and pg_table_is_visible(oid) and not pg_has_role(relowner, 'USAGE') order by owner`);
  for (const { owner } of owners) missing.push(`GRANT ${quoteName(owner)} TO ${user}`);
  return missing;
}

async function rejectForeignTables(db: Db, role: Role): Promise<void> {
  const found = await db.execute<{ name: string }>(sql`select relname as name from pg_class
    where ${isNamedAsOurs()} and relnamespace = (select oid from pg_namespace where nspname = ${role.schema}::text) order by relname`);
  const [first] = found;
  if (!first) return;
  // No other program has most of these names.
  if (found.length <= NAMES.length / 2) throw notOurs(role, `a table ${quoteName(first.name)}`);
  const database = quoteName(role.database);
  throw new StartupError(
    `The database ${database} has Counterhand's tables without the schema drizzle, the record of what was done to them: bring it from where they were dumped (pg_dump -n drizzle OLD | psql ${database}), or dump again without -n.`,
  );
}

function notOurs({ database }: Role, what: string): StartupError {
  return new StartupError(
    `The database ${quoteName(database)} already has ${what}, which is not Counterhand's: create a database for Counterhand alone (createdb counterhand), and set DATABASE_URL to it.`,
  );
}

/** What a role needs where the tables are up to date. Worker numbers come from `public`, wherever the tables are. */
async function findMissingUse(db: Db, role: Role): Promise<string[]> {
  const [found] = await db.execute<{ tables: number; missing: number }>(sql`select
    count(*) filter (where relkind <> 'S')::int as tables,
    count(*) filter (where not has_schema_privilege(relnamespace, 'USAGE')
      or not (case relkind when 'S' then has_sequence_privilege(oid, 'USAGE') else
        has_table_privilege(oid, 'SELECT') and has_table_privilege(oid, 'INSERT')
        and has_table_privilege(oid, 'UPDATE') and has_table_privilege(oid, 'DELETE') end))::int as missing
    from pg_class where ${isNamedAsOurs()}
      and case relkind when 'S' then relnamespace = to_regnamespace('public') else pg_table_is_visible(oid) end`);
  if (found?.tables === 0)
    throw new StartupError(
      `Counterhand's tables are in no schema of the search_path of the role ${quoteName(role.user)} (${role.searchPath}): add theirs, in most cases public.`,
    );
  return found?.missing ? grantsOfUse(role) : [];
}

function grantsOfUse({ user, schema }: Role): string[] {
  const [to, tables] = [quoteName(user), quoteName(schema ?? "public")];
  const schemas = [...new Set([tables, "public", "drizzle"])].join(", ");
  return [
    `GRANT USAGE ON SCHEMA ${schemas} TO ${to}`,
    `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${tables} TO ${to}`,
    `GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO ${to}`,
    `GRANT SELECT ON ALL TABLES IN SCHEMA drizzle TO ${to}`,
  ];
}

/** SQL about a row of `pg_class`. Every kind counts: a view blocks the name of a table as well. */
function isNamedAsOurs(): SQL {
  return sql`relname in ${NAMES}`;
}
