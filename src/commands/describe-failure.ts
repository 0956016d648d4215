/** The message of a command that failed. */
import { AppError } from "../errors.ts";

/** Messages of our own as they are. For any other error `what` and its cause, without the SQL that a driver's message quotes. */
export function describeFailure(error: unknown, what: string): string {
  return error instanceof AppError ? error.message : `${what}: ${reasonOf(error)}`;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause !== undefined) return reasonOf(error.cause);
  return "query" in error && "params" in error ? "a query failed" : error.message;
}
