/** Why somebody is not taken as a follower, or is one no longer, in words that say what to do. (`inbox.ts`: too slow.) */
import { AppError } from "../../errors.ts";

/** On one process. Each holds an open connection: a limit below that of open files. */
export const MAX_SUBSCRIBERS = 2_000;

/** This process has as many subscribers as it takes. */
export class TooManySubscribersError extends AppError {
  override readonly code = "TOO_MANY_SUBSCRIBERS";

  constructor() {
    super(`${MAX_SUBSCRIBERS} subscribers follow already: try again later, or at another process`);
  }
}

/** The process ends: another one, or the same after its start, goes on from the last cursor. */
export class FollowingEndedError extends AppError {
  override readonly code = "SHUTTING_DOWN";

  constructor() {
    super("The server stops: subscribe again with 'after', the last cursor");
  }
}

/** The database is not as far as what was told already: another server took over, without the first one's last changes. */
export class PlaceLostError extends AppError {
  override readonly code = "PLACE_LOST";

  constructor() {
    super("The database has lost its last changes: read anew, and subscribe again without 'after'");
  }
}

/** The token under which one followed is good for nothing any more. */
export class TokenEndedError extends AppError {
  override readonly code = "UNAUTHENTICATED";

  constructor() {
    super("The admin token has expired or was revoked");
  }
}
