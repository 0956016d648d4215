/**
 * The errors of this product: one base class, facts as fields.
 *
 * Their messages are written for people, and may be shown to the model, to an admin, or on a terminal. Any other error may
 * quote SQL, parameters or secrets, and is masked before it leaves the process.
 */
export abstract class AppError extends Error {
  /** A stable name for programs in upper case, as in `extensions.code` of a GraphQL error. */
  abstract readonly code: string;

  override get name(): string {
    return this.constructor.name;
  }
}

/** The input cannot be processed; the message says what to change. */
export class BadInputError extends AppError {
  override readonly code = "BAD_USER_INPUT";
}

/** The requested object does not exist, or is not visible to the caller. */
export class NotFoundError extends AppError {
  override readonly code = "NOT_FOUND";
}

/** The process cannot start or continue; the message names every fault and what to do. */
export class StartupError extends AppError {
  override readonly code = "STARTUP";
}
