/**
 * What of an error reaches a client: our own words and GraphQL's own refusals, each with a code. Anything else may quote
 * SQL, parameters or secrets: the client gets a reference to it, and the log the error under the same reference.
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
 * For Yoga's `maskedErrors.maskError`. A failure is logged once and has one reference, however many fields, or subscribers of an
 * event, get it.
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

/** Gives a code to the errors that come without one: all of them say what is wrong with the request. */
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

/** The error that was thrown, beneath those that GraphQL put around it to say where. */
function rootOf(error: unknown): unknown {
  return error instanceof GraphQLError && error.originalError ? rootOf(error.originalError) : error;
}

function rewrite(error: unknown, message: string, code: string): GraphQLError {
  const at = error instanceof GraphQLError ? error : undefined;
  return new GraphQLError(message, { nodes: at?.nodes ?? null, path: at?.path ?? null, extensions: { code } });
}
