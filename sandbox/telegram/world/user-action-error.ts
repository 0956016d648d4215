/** What a person cannot do in Telegram's apps, such as pressing a button that is not shown. */
import { AppError } from "../../../src/errors.ts";

/** In a test it is a mistake of the test; on the sandbox's page the person is told. */
export class ImpossibleActError extends AppError {
  override readonly code = "IMPOSSIBLE_ACT";
}
