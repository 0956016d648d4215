/**
 * What one request may cost. A refusal says which limit it met; nothing is clamped or cut short.
 */
import { ComplexityErrorKind, type ComplexityResult } from "@pothos/plugin-complexity";
import { type ASTVisitor, GraphQLError, parse, type ValidationContext } from "graphql";
import type { Plugin } from "graphql-yoga";

/** A request's body, in bytes. */
export const MAX_BODY_BYTES = 1_000_000;

/** Words and signs of one document: a dashboard's largest page needs a tenth. */
const MAX_TOKENS = 2_000;

/** Fields under an alias in one document: the cheapest way to ask the same thing a thousand times. */
const MAX_ALIASES = 50;

/**
 * `complexity` estimates the values in the answer, a list counting its page size: 50 threads with their newest messages
 * are about 5,000, 100 messages with their runs and 20 tool calls each about 30,000.
 */
export const COST_LIMITS = { depth: 12, complexity: 50_000 } as const;

export function tooComplex(kind: ComplexityErrorKind, found: ComplexityResult): GraphQLError {
  const message =
    kind === ComplexityErrorKind.Depth
      ? `The query is ${found.depth} levels deep; ${COST_LIMITS.depth} are allowed`
      : `The query may answer ${found.complexity} values; ${COST_LIMITS.complexity} are allowed. Ask for smaller pages`;
  return new GraphQLError(message, { extensions: { code: "QUERY_TOO_COMPLEX" } });
}

/** Bounds a document before and while it is validated. */
export function limitDocument(): Plugin {
  return {
    onParse({ setParseFn }) {
      setParseFn((source, options) => parse(source, { ...options, maxTokens: MAX_TOKENS }));
    },
    onValidate({ addValidationRule }) {
      addValidationRule(maxAliasesRule);
    },
  };
}

function maxAliasesRule(context: ValidationContext): ASTVisitor {
  let aliases = 0;
  return {
    Field({ alias }) {
      if (alias) aliases += 1;
    },
    Document: {
      leave() {
        if (aliases <= MAX_ALIASES) return;
        const message = `The query has ${aliases} aliases; ${MAX_ALIASES} are allowed`;
        context.reportError(new GraphQLError(message, { extensions: { code: "QUERY_TOO_COMPLEX" } }));
      },
    },
  };
}
