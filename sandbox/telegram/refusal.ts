/**
 * The Bot API's error responses.
 *
 * Owns the status codes and the wording. Both follow the real Bot API, so that a client which reads them behaves the same
 * here. It knows nothing of HTTP or of chats.
 */
import type { ResponseParameters } from "@grammyjs/types";
import { AppError } from "../../src/errors.ts";

/** A call that is answered with `ok: false`. As in the real Bot API, `errorCode` is also the HTTP status. */
export class TelegramRefusal extends AppError {
  override readonly code = "TELEGRAM_REFUSAL";
  readonly errorCode: number;
  readonly parameters: ResponseParameters | undefined;

  constructor(errorCode: number, description: string, parameters?: ResponseParameters) {
    super(description);
    this.errorCode = errorCode;
    this.parameters = parameters;
  }
}

/** 400 with "Bad Request: " before `reason`. */
export function badRequest(reason: string, parameters?: ResponseParameters): TelegramRefusal {
  return new TelegramRefusal(400, `Bad Request: ${reason}`, parameters);
}

/** 403 with "Forbidden: " before `reason`. */
export function forbidden(reason: string): TelegramRefusal {
  return new TelegramRefusal(403, `Forbidden: ${reason}`);
}

/** 409 with "Conflict: " before `reason`: two clients want the updates at once. */
export function conflict(reason: string): TelegramRefusal {
  return new TelegramRefusal(409, `Conflict: ${reason}`);
}

/** 429. `retryAfterSeconds` is a whole number of at least 1. */
export function tooManyRequests(retryAfterSeconds: number): TelegramRefusal {
  const description = `Too Many Requests: retry after ${retryAfterSeconds}`;
  return new TelegramRefusal(429, description, { retry_after: retryAfterSeconds });
}
