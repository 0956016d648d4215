/** The context of one operation: the database, the admin who asks, and loaders that batch keys into one statement. */
import DataLoader from "dataloader";
import type { Db } from "../db/client.ts";
import type { Logger } from "../observability/logger.ts";
import type { ApiEnvironment } from "./api-environment.ts";
import type { Admin } from "./guards/auth.ts";
import { createExcerptFinder, type FindExcerpts } from "./lists/excerpts.ts";
import type { ActivityHub } from "./live/activity-hub.ts";

export interface AdminContext {
  readonly db: Db;
  /** Null without a valid token: then every field is refused. */
  readonly admin: Admin | null;
  readonly environment: ApiEnvironment;
  /** Changes as they happen, for subscriptions. */
  readonly activity: ActivityHub;
  /** `isOver`: the client no longer waits for the response, so no more fields are resolved. */
  readonly operation: { isOver: boolean };
  /** Logs changes, and who made them. */
  readonly logger: Pick<Logger, "info">;
  /** Limits how much text the operation searches. */
  readonly findExcerpts: FindExcerpts;
  /** Loads the value of `key`, in one batch with all keys of the same `name` that are requested in the same tick. */
  load<Value>(name: string, key: string, loadMany: LoadMany<Value>): Promise<Value>;
}

/** Returns one value per key, in the order of the keys. */
export type LoadMany<Value> = (keys: readonly string[]) => Promise<readonly Value[]>;

/** A context for one operation. Loaded values are not reused in the next one. */
export function createContext(parts: Omit<AdminContext, "load" | "operation" | "findExcerpts">): AdminContext {
  const loaders = new Map<string, DataLoader<string, unknown>>();
  return {
    ...parts,
    operation: { isOver: false },
    findExcerpts: createExcerptFinder(),
    load<Value>(name: string, key: string, loadMany: LoadMany<Value>) {
      const loader = loaders.get(name) ?? new DataLoader<string, unknown>(loadMany);
      loaders.set(name, loader);
      // One name always stands for one type of value, so the loader returns what `loadMany` returns.
      return loader.load(key) as Promise<Value>;
    },
  };
}

/** Sorts rows into the order of `keys`, as a loader must return them; `missing` for a key without a row. */
export function inOrderOf<Row, Missing>(
  keys: readonly string[],
  rows: readonly Row[],
  keyOf: (row: Row) => string,
  missing: Missing,
): (Row | Missing)[] {
  const byKey = new Map(rows.map((row) => [keyOf(row), row]));
  return keys.map((key) => byKey.get(key) ?? missing);
}
