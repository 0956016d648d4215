/**
 * What every resolver of one request has: the database, who asks, and the loaders that gather keys into one statement.
 */
import DataLoader from "dataloader";
import type { Db } from "../db/client.ts";
import type { Logger } from "../observability/logger.ts";
import type { ApiEnvironment } from "./api-environment.ts";
import type { Admin } from "./guards/auth.ts";
import { createExcerptFinder, type FindExcerpts } from "./lists/excerpts.ts";
import type { ActivityHub } from "./live/activity-hub.ts";

export interface AdminContext {
  readonly db: Db;
  /** Null for a request without a valid token: then every field is refused. */
  readonly admin: Admin | null;
  readonly environment: ApiEnvironment;
  /** What happens, for subscriptions. */
  readonly activity: ActivityHub;
  /** Over: nobody waits for the answer any more, and nothing further is to be read for it. */
  readonly operation: { isOver: boolean };
  /** For what was changed, and by whom. */
  readonly logger: Pick<Logger, "info">;
  /** Bounds what the operation searches. */
  readonly findExcerpts: FindExcerpts;
  /** Loads the value of `key` together with all others that are asked for in the same turn under the same `name`. */
  load<Value>(name: string, key: string, loadMany: LoadMany<Value>): Promise<Value>;
}

/** Gives the value of each key, in the order of the keys. */
export type LoadMany<Value> = (keys: readonly string[]) => Promise<readonly Value[]>;

/** A context for one operation: what it has loaded is not kept for the next. */
export function createContext(parts: Omit<AdminContext, "load" | "operation" | "findExcerpts">): AdminContext {
  const loaders = new Map<string, DataLoader<string, unknown>>();
  return {
    ...parts,
    operation: { isOver: false },
    findExcerpts: createExcerptFinder(),
    load<Value>(name: string, key: string, loadMany: LoadMany<Value>) {
      const loader = loaders.get(name) ?? new DataLoader<string, unknown>(loadMany);
      loaders.set(name, loader);
      // A name stands for one kind of value, so that the loader under it gives what `loadMany` gives.
      return loader.load(key) as Promise<Value>;
    },
  };
}

/** Puts rows that came in any order under the keys that asked for them; `missing` where there is none. */
export function inOrderOf<Row, Missing>(
  keys: readonly string[],
  rows: readonly Row[],
  keyOf: (row: Row) => string,
  missing: Missing,
): (Row | Missing)[] {
  const byKey = new Map(rows.map((row) => [keyOf(row), row]));
  return keys.map((key) => byKey.get(key) ?? missing);
}
