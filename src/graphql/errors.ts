/**
 * Error masking: which errors reach a client, and with which code.
 *
 * Our own errors and GraphQL's errors are shown. Any other error may contain SQL, parameters or secrets. The client then gets
 * a reference only, and the error is logged under the same reference.
 */
import { randomUUID } from "node:crypto";
import { PothosValidationError } from "@pothos/core";
import { GraphQLError } from "graphql";
import type { Plugin } from "graphql-yoga";
import { isStatementTimeout } from "../db/error-code.ts";
import { AppError } from "../errors.ts";
import type { Logger } from "../observability/logger.ts";
import { tooSlow } from "./guards/time-limit.ts";
import { explainWrongType } from "./lists/ids.ts";

/**
 * For Yoga's `maskedErrors.maskError`. One failure is logged once and has one reference, even if many fields or many subscribers
 * get it.
 */
export function createErrorMask(logger: Pick<Logger, "error">): (error: unknown) => Error {
  const references = new WeakMap<object, string>();
  return (error) => {
    const cause = rootOf(error);
    if (cause instanceof AppError) return rewrite(error, cause.message, cause.code);
    const wrongType = cause instanceof PothosValidationError ? explainWrongType(cause.message) : null;
    if (wrongType !== null) return rewrite(error, wrongType, "BAD_USER_INPUT");
    if (cause instanceof GraphQLError) return error instanceof Error ? error : cause;
    const path = error instanceof GraphQLError ? error.path : undefined;
    const known = cause instanceof Error ? references.get(cause) : undefined;
    const reference = known ?? randomUUID();
    const isTimeout = isStatementTimeout(cause);
    if (!known && isTimeout) logger.error({ err: cause, path }, "admin query took too long");
    if (!known && !isTimeout) logger.error({ err: cause, reference, path }, "admin query failed");
    if (cause instanceof Error) references.set(cause, reference);
    if (isTimeout) return rewrite(error, tooSlow().message, "TIMEOUT");
    return rewrite(error, `Unexpected error, reference ${reference}`, "INTERNAL_SERVER_ERROR");
  };
}

/** Adds a code to errors without one. They all come from validation, so the request is at fault. */
export function addErrorCodes(): Plugin {
  return {
    onResultProcess({ result }) {
      for (const single of Array.isArray(result) ? result : [result]) {
        if (!("errors" in single)) continue;
        for (const error of single.errors ?? []) error.extensions.code ??= "BAD_USER_INPUT";
      }
    },
  };
}

/** The error that was thrown: GraphQL wraps it to add its location. */
function rootOf(error: unknown): unknown {
  return error instanceof GraphQLError && error.originalError ? rootOf(error.originalError) : error;
}

function rewrite(error: unknown, message: string, code: string): GraphQLError {
  const located = error instanceof GraphQLError ? error : undefined;
  return new GraphQLError(message, {
    nodes: located?.nodes ?? null,
    path: located?.path ?? null,
    extensions: { code },
  });
}
