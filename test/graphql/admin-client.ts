/** The admins' API on a database of its own, asked through `fetch` without a port. */
import { drizzle } from "drizzle-orm/postgres-js";
import type { Sql } from "postgres";
import type { Db } from "../../src/db/client.ts";
import { listen } from "../../src/db/notify/notify.ts";
import type { ApiEnvironment } from "../../src/graphql/api-environment.ts";
import { hashToken } from "../../src/graphql/guards/auth.ts";
import { type ActivityHub, createActivityHub } from "../../src/graphql/live/activity-hub.ts";
import { type AdminApi, type AdminApiDeps, createAdminApi } from "../../src/graphql/server.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTestHouse } from "./api-environment.ts";

export const ADMIN_TOKEN = "test-admin-token-of-at-least-32-characters";

export interface AdminClient {
  readonly db: Db;
  /** The same database, whose statements are recorded as the API's are. */
  readonly counted: Db;
  readonly testDatabase: TestDatabase;
  readonly api: AdminApi;
  readonly activity: ActivityHub;
  /** What was logged as an error. */
  readonly errors: unknown[];
  /** What was logged of changes. */
  readonly notes: unknown[];
  /** Every statement that the API sent, since the start. */
  readonly statements: string[];
  /** Asks as the configured admin; fails on an error. */
  query(query: string, variables?: object): Promise<Data>;
  /** Asks as the configured admin and gives the errors' codes; fails where there are none. */
  refusal(query: string, variables?: object): Promise<string[]>;
  /** Asks with this token, or without one; gives the response as it is. */
  ask(query: string, options?: { token?: string | null; variables?: object | undefined }): Promise<Answer>;
  close(): Promise<void>;
}

/** The shape depends on the query: the test knows it. */
// biome-ignore lint/suspicious/noExplicitAny: an answer's shape is its query's, and no code generation is at hand here.
type Data = any;

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: { data?: Data; errors?: { message: string; path?: unknown[]; extensions: Record<string, unknown> }[] };
}

export interface AdminApiOptions extends Partial<Omit<AdminApiDeps, "environment">> {
  /** Connections of the database's pool. */
  readonly poolSize?: number;
  /** What differs from the shop and the tools of `createTestHouse`. */
  readonly environment?: Partial<ApiEnvironment>;
  /** See `ActivityHubDeps`. */
  readonly tokenCheckMs?: number;
  /** The database of another one, which closes it: then this is as a second process on it. */
  readonly shared?: TestDatabase;
}

/** Without a limit of the rate, unless one is given: a test may ask as fast as it likes. */
export async function startAdminApi(options: AdminApiOptions = {}): Promise<AdminClient> {
  const { poolSize = 5, environment, shared, tokenCheckMs, ...deps } = options;
  const testDatabase = shared ?? (await createTestDatabase({ poolSize }));
  const errors: unknown[] = [];
  const notes: unknown[] = [];
  const statements: string[] = [];
  const counted = drizzle({
    // The same connections, with a record of what is asked on them.
    client: (testDatabase.db as unknown as { $client: Sql }).$client,
    // How many rows a list has may stand in the statement itself (`Source.isSteady`): it is the same one all the same.
    logger: { logQuery: (statement) => void statements.push(statement.replaceAll(/ limit \d+/g, " limit n")) },
  });
  const logger = {
    error: (...facts: unknown[]) => void errors.push(facts),
    warn: (...facts: unknown[]) => void errors.push(facts),
    info: (...facts: unknown[]) => void notes.push(facts),
  };
  const activity = createActivityHub({
    db: counted,
    sandbox: environment?.sandbox ?? false,
    listen: (handler) => listen(testDatabase.database, handler),
    logger,
    ...(tokenCheckMs === undefined ? {} : { tokenCheckMs }),
  });
  const api = createAdminApi({
    rateLimit: null,
    db: counted,
    activity,
    adminTokenHash: hashToken(ADMIN_TOKEN),
    logger,
    environment: createTestHouse(environment),
    ...deps,
  });
  const ask: AdminClient["ask"] = async (query, { token = ADMIN_TOKEN, variables } = {}) => {
    const response = await api.fetch("http://localhost/graphql", {
      method: "POST",
      headers: { "content-type": "application/json", ...(token !== null && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify({ query, variables }),
    });
    return { status: response.status, headers: response.headers, body: (await response.json()) as Answer["body"] };
  };
  return {
    db: testDatabase.db,
    counted,
    testDatabase,
    api,
    activity,
    errors,
    notes,
    statements,
    ask,
    query: async (query, variables) => {
      const { body } = await ask(query, { variables });
      if (body.errors) throw new Error(`the query failed: ${JSON.stringify(body.errors)} ${JSON.stringify(errors)}`);
      return body.data;
    },
    refusal: async (query, variables) => {
      const { body } = await ask(query, { variables });
      if (!body.errors) throw new Error(`not refused: ${JSON.stringify(body.data)}`);
      return body.errors.map((error) => String(error.extensions.code));
    },
    close: async () => {
      await activity.close();
      if (!shared) await testDatabase.close();
    },
  };
}
