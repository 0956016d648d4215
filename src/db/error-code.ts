/**
 * What went wrong, as a code: a Postgres SQLSTATE ("57P03"), one of Node's ("ECONNREFUSED") or the driver's own
 * ("CONNECTION_CLOSED").
 */
import postgres from "postgres";

/** The code of `error`, or of what caused it (Drizzle wraps the driver's errors); undefined when it has none. */
export function errorCode(error: unknown): string | undefined {
  return codedError(error)?.code;
}

/** `error`, or what caused it: the first that has a code. */
function codedError(error: unknown): (Error & { code: string }) | undefined {
  if (!(error instanceof Error)) return undefined;
  return hasCode(error) ? error : codedError(error.cause);
}

function hasCode(error: Error): error is Error & { code: string } {
  return "code" in error && typeof error.code === "string";
}

/** The server is starting, stopping, or ended this session on its way down: ask again. */
const PASSING_CODES = new Set(["57P01", "57P02", "57P03"]);
const DROPPED_CODES = new Set(["CONNECTION_CLOSED", "CONNECTION_ENDED", "CONNECTION_DESTROYED", "ECONNRESET", "EPIPE"]);
/** No way leads there now: the network is down, or knows no such name. */
const UNREACHABLE_CODES = new Set([
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "EHOSTDOWN",
  "ENETUNREACH",
  "ENETDOWN",
  "ENOTFOUND",
  "EAI_AGAIN",
]);

/** Whether nobody answers there at all: nobody listens on the socket, or there is none. A file that is missing is no server. */
export function isServerAbsent(error: unknown): boolean {
  const coded = codedError(error);
  if (coded?.code === "ENOENT") return "syscall" in coded && coded.syscall === "connect";
  return coded?.code === "ECONNREFUSED";
}

/** Whether the server is there but takes no work now, or dropped the connection: worth asking again. */
export function isServerBusy(error: unknown): boolean {
  const code = errorCode(error) ?? "";
  return PASSING_CODES.has(code) || DROPPED_CODES.has(code) || code === "CONNECT_TIMEOUT";
}

/** Whether the database could not be reached, or went away in the middle: what was asked may succeed when it is back. */
export function isDatabaseAway(error: unknown): boolean {
  const isUnreachable = UNREACHABLE_CODES.has(errorCode(error) ?? "");
  return isServerAbsent(error) || isServerBusy(error) || isUnreachable || isFatal(error);
}

/** Whether the server ended the statement, by its time limit or because somebody asked it to. */
export function isStatementTimeout(error: unknown): boolean {
  return errorCode(error) === "57014";
}

/** Another transaction stood in the way of this one. */
const CROSSED_CODES = new Set(["40001", "40P01"]);
/** The server only reads: it has become a standby, or somebody has set it so. */
const READ_ONLY = "25006";
/**
 * Classes of what is the server's own: short of resources (a full disk), not in the state for it (a lock that was not to be
 * had), interrupted by an operator or a time limit, failed by the system beneath it.
 */
const PASSING_CLASSES = new Set(["53", "55", "57", "58"]);

/** Whether nothing is wrong with what was asked: the database was away or in no state for it, or others stood in the way. */
export function isPassing(error: unknown): boolean {
  const code = errorCode(error) ?? "";
  return isDatabaseAway(error) || isReadOnly(error) || CROSSED_CODES.has(code) || isOfClass(code, PASSING_CLASSES);
}

/**
 * Classes of what the values are refused for: no number, time or text as the column takes it, a rule of the table, more than the
 * server can hold.
 */
const VALUE_CLASSES = new Set(["22", "23", "54"]);

/** Whether the values were refused: with the same ones the same is refused again, unless it met another transaction. */
export function isAboutValues(error: unknown): boolean {
  const code = errorCode(error) ?? "";
  // The driver's own, for a value that is not there.
  return code === "UNDEFINED_VALUE" || isOfClass(code, VALUE_CLASSES);
}

/** PostgreSQL's code (disk_full), and those of Node. */
const DISK_FULL_CODES = new Set(["53100", "ENOSPC", "EDQUOT"]);

/** Whether a disk has no space left, the server's or ours. */
export function isDiskFull(error: unknown): boolean {
  return DISK_FULL_CODES.has(errorCode(error) ?? "");
}

/** Whether the server took no write: another one may be behind the same address by now. */
export function isReadOnly(error: unknown): boolean {
  return errorCode(error) === READ_ONLY;
}

/** A SQLSTATE's class is its first two characters; the driver's and Node's codes are longer words. */
function isOfClass(code: string, classes: ReadonlySet<string>): boolean {
  return code.length === 5 && classes.has(code.slice(0, 2));
}

/** The server ended the session, or let nobody in. */
function isFatal(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error instanceof postgres.PostgresError ? /^(FATAL|PANIC)$/.test(error.severity) : isFatal(error.cause);
}
