/** Why a subscription is refused or ends. Each message says what the client can do. See also `SubscriberTooSlowError`. */
import { AppError } from "../../errors.ts";

/** Per process. Each subscriber holds an open connection, so this stays below the limit of open files. */
export const MAX_SUBSCRIBERS = 2_000;

/** This process has `MAX_SUBSCRIBERS` subscribers. */
export class TooManySubscribersError extends AppError {
  override readonly code = "TOO_MANY_SUBSCRIBERS";

  constructor() {
    super(`The server already has ${MAX_SUBSCRIBERS} subscribers: try again later`);
  }
}

/** The process shuts down. Another process, or this one after its restart, continues from the last cursor. */
export class ShuttingDownError extends AppError {
  override readonly code = "SHUTTING_DOWN";

  constructor() {
    super("The server is shutting down: subscribe again with 'after', the last cursor");
  }
}

/** The database is behind what subscribers have already received: a failover lost the last transactions. */
export class PositionLostError extends AppError {
  override readonly code = "PLACE_LOST";

  constructor() {
    super("The database has lost its last changes: read the data again, and subscribe again without 'after'");
  }
}

/** The subscriber's token was valid when the subscription began, and is not any more. */
export class TokenEndedError extends AppError {
  override readonly code = "UNAUTHENTICATED";

  constructor() {
    super("The admin token has expired or was revoked");
  }
}
