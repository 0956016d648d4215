/** Connections to servers that are far away, and what is known when none could be made. */
import { setDefaultAutoSelectFamilyAttemptTimeout } from "node:net";

/**
 * How long Node tries one of a name's several addresses, in milliseconds. Its own 500 are less than one round trip over a
 * satellite or a tunnel: there, no address would ever answer.
 */
const ADDRESS_TIMEOUT_MS = 2_500;

/** Gives each address of a server more time, in all connections of this process: Telegram, the model and the database. */
export function allowSlowConnections(): void {
  setDefaultAutoSelectFamilyAttemptTimeout(ADDRESS_TIMEOUT_MS);
}

/** Why a connection failed: after several addresses, whose common error has no message, the code and address of each. */
export function describeConnectionError(error: Error): string {
  if (error instanceof AggregateError) {
    const reasons = error.errors.filter((each) => each instanceof Error).map(describeConnectionError);
    if (reasons.length > 0) return [...new Set(reasons)].join(", ");
  }
  return error.message || ("code" in error ? String(error.code) : error.name);
}
