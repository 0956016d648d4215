/**
 * What went wrong, as a code: a SQLSTATE of PostgreSQL ("57P03"), a code of Node ("ECONNREFUSED") or one of the driver
 * ("CONNECTION_CLOSED").
 */
import postgres from "postgres";

/** The code of `error`, or of its cause (Drizzle wraps the driver's errors); undefined when there is none. */
export function errorCode(error: unknown): string | undefined {
  return findCodedError(error)?.code;
}

/** The first error with a code along the chain of causes. */
export function findCodedError(error: unknown): (Error & { code: string }) | undefined {
  if (!(error instanceof Error)) return undefined;
  return hasCode(error) ? error : findCodedError(error.cause);
}

function hasCode(error: Error): error is Error & { code: string } {
  return "code" in error && typeof error.code === "string";
}

/** The server is starting or stopping, or ended this session while stopping. */
const RESTART_CODES = new Set(["57P01", "57P02", "57P03"]);
const DROPPED_CODES = new Set(["CONNECTION_CLOSED", "CONNECTION_ENDED", "CONNECTION_DESTROYED", "ECONNRESET", "EPIPE"]);
/** The network is down, or does not know the name. */
const UNREACHABLE_CODES = new Set([
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "EHOSTDOWN",
  "ENETUNREACH",
  "ENETDOWN",
  "ENOTFOUND",
  "EAI_AGAIN",
]);

/** Whether nothing listens on the socket, or there is no socket. A missing file of another kind does not count. */
export function isServerAbsent(error: unknown): boolean {
  const coded = findCodedError(error);
  if (coded?.code === "ENOENT") return "syscall" in coded && coded.syscall === "connect";
  return coded?.code === "ECONNREFUSED";
}

/** Whether the server exists but accepts no work now, or dropped the connection: a retry may succeed. */
export function isServerBusy(error: unknown): boolean {
  const code = errorCode(error) ?? "";
  return RESTART_CODES.has(code) || DROPPED_CODES.has(code) || code === "CONNECT_TIMEOUT";
}

/** Whether the database could not be reached, or was lost during the query: a retry may succeed once it is back. */
export function isDatabaseUnavailable(error: unknown): boolean {
  const isUnreachable = UNREACHABLE_CODES.has(errorCode(error) ?? "");
  return isServerAbsent(error) || isServerBusy(error) || isUnreachable || isFatal(error);
}

/** Whether the server canceled the statement, because of its timeout or on request. */
export function isStatementTimeout(error: unknown): boolean {
  return errorCode(error) === "57014";
}

/** Serialization failure and deadlock: the transaction conflicted with another one. */
const CONFLICT_CODES = new Set(["40001", "40P01"]);
/** The server is read-only: it has become a standby, or is configured so. */
const READ_ONLY = "25006";
/**
 * Classes of the server's own state: insufficient resources (a full disk), object not in the required state (a lock was not
 * available), operator intervention (or a timeout), system error.
 */
const SERVER_STATE_CLASSES = new Set(["53", "55", "57", "58"]);

/** Whether the same query may succeed later: the database was unavailable, short of resources, or had a conflict. */
export function isTransient(error: unknown): boolean {
  const code = errorCode(error) ?? "";
  const isConflict = CONFLICT_CODES.has(code);
  return isDatabaseUnavailable(error) || isReadOnly(error) || isConflict || isInClass(code, SERVER_STATE_CLASSES);
}

/** Data exception, integrity constraint violation, program limit exceeded. */
const DATA_ERROR_CLASSES = new Set(["22", "23", "54"]);

/** Whether the values were rejected. The same values fail again, unless a concurrent transaction caused the error. */
export function isDataError(error: unknown): boolean {
  const code = errorCode(error) ?? "";
  // The driver's own code for a missing value.
  return code === "UNDEFINED_VALUE" || isInClass(code, DATA_ERROR_CLASSES);
}

/** PostgreSQL's code (disk_full), and those of Node. */
const DISK_FULL_CODES = new Set(["53100", "ENOSPC", "EDQUOT"]);

/** Whether a disk is full, the server's or ours. */
export function isDiskFull(error: unknown): boolean {
  return DISK_FULL_CODES.has(errorCode(error) ?? "");
}

/** Whether the server rejected a write: the same address may lead to another server by now. */
export function isReadOnly(error: unknown): boolean {
  return errorCode(error) === READ_ONLY;
}

/** The class of a SQLSTATE is its first two characters. Codes of the driver and of Node are longer. */
function isInClass(code: string, classes: ReadonlySet<string>): boolean {
  return code.length === 5 && classes.has(code.slice(0, 2));
}

/** The server ended the session, or did not accept it. */
function isFatal(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error instanceof postgres.PostgresError ? /^(FATAL|PANIC)$/.test(error.severity) : isFatal(error.cause);
}
