/**
 * OpenAI's error responses, in OpenAI's wording where it is known.
 *
 * The wording comes from public issue threads and from responses of the API. The status is 400 unless stated otherwise.
 */

import { AppError } from "../../src/errors.ts";

/** The `error` object of OpenAI's error response. */
export interface ApiErrorBody {
  readonly message: string;
  readonly type: string;
  readonly param: string | null;
  readonly code: string | null;
}

export class ApiRefusal extends AppError {
  override readonly code = "MODEL_REQUEST_REFUSED";
  readonly status: number;
  readonly body: ApiErrorBody;

  constructor(status: number, body: ApiErrorBody) {
    super(body.message);
    this.status = status;
    this.body = body;
  }
}

/** A 400 `invalid_request_error`. `param` is the path of the invalid value, such as `tools[0].name`. */
export function invalidRequest(message: string, param: string | null, code: string | null = null): ApiRefusal {
  return new ApiRefusal(400, { message, type: "invalid_request_error", param, code });
}

export function missingParameter(param: string): ApiRefusal {
  return invalidRequest(`Missing required parameter: '${param}'.`, param, "missing_required_parameter");
}

export function unknownParameter(param: string): ApiRefusal {
  return invalidRequest(`Unknown parameter: '${param}'.`, param, "unknown_parameter");
}

export function wrongType(param: string, expected: string, value: unknown): ApiRefusal {
  const got = value === null ? "null" : Array.isArray(value) ? "an array" : `a value of type ${typeof value}`;
  return invalidRequest(
    `Invalid type for '${param}': expected ${expected}, but got ${got} instead.`,
    param,
    "invalid_type",
  );
}

export function unsupportedValue(param: string, value: unknown, supported: readonly string[]): ApiRefusal {
  const list = supported.map((each) => `'${each}'`).join(", ");
  return invalidRequest(`Invalid value: ${quoted(value)}. Supported values are: ${list}.`, param, "invalid_value");
}

function quoted(value: unknown): string {
  return typeof value === "string" ? `'${value}'` : JSON.stringify(value);
}

/** The error body that OpenAI usually sends with this status. */
export function usualErrorBody(status: number): { error: ApiErrorBody } {
  const known = USUAL_ERRORS[status];
  if (known !== undefined) return { error: { param: null, ...known } };
  const type = status >= 500 ? "server_error" : "invalid_request_error";
  return { error: { message: `Refused with status ${status}.`, type, param: null, code: null } };
}

const USUAL_ERRORS: Readonly<Record<number, Omit<ApiErrorBody, "param">>> = {
  401: {
    message: "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.",
    type: "invalid_request_error",
    code: "invalid_api_key",
  },
  429: {
    message: "Rate limit reached for requests. Please try again later.",
    type: "requests",
    code: "rate_limit_exceeded",
  },
  500: {
    message: "The server had an error while processing your request. Sorry about that!",
    type: "server_error",
    code: "server_error",
  },
  503: {
    message: "The engine is currently overloaded, please try again later.",
    type: "service_unavailable_error",
    code: "server_is_overloaded",
  },
};

/** The body of a 429 for which a retry is useless: the account has no credit left. */
export const INSUFFICIENT_QUOTA_BODY: { error: ApiErrorBody } = {
  error: {
    message: "You exceeded your current quota, please check your plan and billing details.",
    type: "insufficient_quota",
    param: null,
    code: "insufficient_quota",
  },
};
