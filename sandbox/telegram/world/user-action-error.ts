import { AppError } from "../../../src/errors.ts";

/**
 * An action that Telegram's apps do not allow, such as pressing a button that is not shown. In a test it is a mistake of
 * the test; on the sandbox's page the person sees the message.
 */
export class UserActionError extends AppError {
  override readonly code = "IMPOSSIBLE_USER_ACTION";
}
