/** The admin API on its own database, called through `fetch` without a port. */
import { drizzle } from "drizzle-orm/postgres-js";
import type { Sql } from "postgres";
import type { Db } from "../../src/db/client.ts";
import { listen } from "../../src/db/notify/notify.ts";
import type { ApiEnvironment } from "../../src/graphql/api-environment.ts";
import { hashToken } from "../../src/graphql/guards/auth.ts";
import { type ActivityHub, createActivityHub } from "../../src/graphql/live/activity-hub.ts";
import { type AdminApi, type AdminApiDeps, createAdminApi } from "../../src/graphql/server.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTestEnvironment } from "./api-environment.ts";

export const ADMIN_TOKEN = "test-admin-token-of-at-least-32-characters";

export interface AdminClient {
  readonly db: Db;
  /** The same database. Its statements are recorded, like those of the API. */
  readonly counted: Db;
  readonly testDatabase: TestDatabase;
  readonly api: AdminApi;
  readonly activity: ActivityHub;
  /** Logged errors and warnings. */
  readonly errors: unknown[];
  /** Log lines of level `info`. */
  readonly infos: unknown[];
  /** All statements since the start. */
  readonly statements: string[];
  /** Sends a query with the configured token. Rejects if the response has errors. */
  query(query: string, variables?: object): Promise<Data>;
  /** Sends a query with the configured token and returns the codes of its errors. Rejects if there are none. */
  refusal(query: string, variables?: object): Promise<string[]>;
  /** Sends a query with this token, or without one (null). Returns the response. */
  ask(query: string, options?: { token?: string | null; variables?: object | undefined }): Promise<Answer>;
  close(): Promise<void>;
}

/** The shape depends on the query of the test. */
// biome-ignore lint/suspicious/noExplicitAny: the shape depends on the query, and tests have no code generation.
type Data = any;

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: { data?: Data; errors?: { message: string; path?: unknown[]; extensions: Record<string, unknown> }[] };
}

export interface AdminApiOptions extends Partial<Omit<AdminApiDeps, "environment">> {
  /** Size of the connection pool. */
  readonly poolSize?: number;
  /** Overrides of `createTestEnvironment`. */
  readonly environment?: Partial<ApiEnvironment>;
  /** See `ActivityHubDeps`. */
  readonly tokenCheckMs?: number;
  /** The database of another client, which closes it. This client then acts as a second process. */
  readonly shared?: TestDatabase;
}

/** Without a rate limit by default, so that a test can send requests as fast as it likes. */
export async function startAdminApi(options: AdminApiOptions = {}): Promise<AdminClient> {
  const { poolSize = 5, environment, shared, tokenCheckMs, ...deps } = options;
  const testDatabase = shared ?? (await createTestDatabase({ poolSize }));
  const errors: unknown[] = [];
  const infos: unknown[] = [];
  const statements: string[] = [];
  const counted = drizzle({
    // The same connections, with recorded statements.
    client: (testDatabase.db as unknown as { $client: Sql }).$client,
    // A limit may be a constant in the statement (`Source.isSteady`). It counts as the same statement.
    logger: { logQuery: (statement) => void statements.push(statement.replaceAll(/ limit \d+/g, " limit n")) },
  });
  const logger = {
    error: (...facts: unknown[]) => void errors.push(facts),
    warn: (...facts: unknown[]) => void errors.push(facts),
    info: (...facts: unknown[]) => void infos.push(facts),
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
    environment: createTestEnvironment(environment),
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
    infos,
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
