/**
 * The errors of this product: one base class, facts as fields.
 *
 * Their messages are our own words and may be shown: to the model, to an admin, on a terminal. Any other error may quote
 * SQL, parameters or secrets, and is masked at every edge.
 */
export abstract class AppError extends Error {
  /** A stable name for programs, in capitals, as in `extensions.code` of a GraphQL error. */
  abstract readonly code: string;

  override get name(): string {
    return this.constructor.name;
  }
}

/** What was asked for cannot be done as it was asked: the message says what to change. */
export class BadInputError extends AppError {
  override readonly code = "BAD_USER_INPUT";
}

/** The thing asked for does not exist, or not for the one who asks. */
export class NotFoundError extends AppError {
  override readonly code = "NOT_FOUND";
}

/** The process cannot start or go on with what it was given; the message names every fault and how to mend it. */
export class StartupError extends AppError {
  override readonly code = "STARTUP";
}
