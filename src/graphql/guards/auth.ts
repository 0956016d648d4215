/**
 * Authentication: a bearer token in, an admin or null out.
 *
 * Only SHA-256 hashes are compared: the configured token's in constant time, the others by a unique index. The duration of an
 * index lookup reveals nothing about tokens with other hashes.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { GraphQLError } from "graphql";
import type { Plugin } from "graphql-yoga";
import type { Db } from "../../db/client.ts";
import { findAdminToken, touchAdminToken } from "../../db/queries/admin/tokens.ts";
import { errorResponse } from "../error-response.ts";

/** The holder of a valid token. `viewer` may read; `admin` may also change things and see all tokens. */
export interface Admin {
  readonly name: string;
  readonly scope: "viewer" | "admin";
  /** The id of the token's row; null for the configured token, which is not stored. */
  readonly tokenId: string | null;
}

export interface Authenticator {
  /** The admin of the request's token, or null. Several calls for one request cause one lookup. */
  authenticate(request: Request): Promise<Admin | null>;
}

export function createAuthenticator(db: Db, tokens: KnownTokens): Authenticator {
  const lookups = new WeakMap<Request, Promise<Admin | null>>();
  return {
    authenticate: (request) => {
      const lookup = lookups.get(request) ?? findAdmin(db, tokens, request.headers.get("authorization"));
      lookups.set(request, lookup);
      return lookup;
    },
  };
}

/** Yoga's server context. No `req` for a call through `.fetch`. */
interface ServerContext {
  readonly req?: IncomingMessage;
}

export interface TokenCheck {
  /** The error for a refused request: `refusal`, or HTTP 429 after too many refusals from the address. */
  refuse(remoteAddress: string, refusal: GraphQLError): GraphQLError;
  /** Called for each request over the network with a valid token. */
  readonly onTrusted?: ((request: IncomingMessage) => void) | undefined;
  /** Called with the reason why a token could not be checked. */
  onError(error: unknown): void;
}

/** Refuses a request without a valid token, before its body or its `Accept` header is read. */
export function requireToken({ authenticate }: Authenticator, check: TokenCheck): Plugin<object, ServerContext> {
  const findRefusal = async (request: Request): Promise<GraphQLError | null> => {
    try {
      return (await authenticate(request)) === null ? unauthenticated() : null;
    } catch (error) {
      check.onError(error);
      return error instanceof GraphQLError ? error : unavailable();
    }
  };
  return {
    async onRequest({ request, serverContext, fetchAPI, endResponse }) {
      const { req } = serverContext;
      const refusal = await findRefusal(request);
      if (refusal === null) return req && check.onTrusted?.(req);
      // The address of the connection: clients can write anything into `X-Forwarded-For`.
      endResponse(errorResponse(check.refuse(req?.socket.remoteAddress ?? "", refusal), request, fetchAPI));
    },
  };
}

/** The token cannot be checked because the database cannot be reached. */
function unavailable(): GraphQLError {
  return new GraphQLError("The token cannot be checked right now: try again in a moment", {
    extensions: { code: "UNAVAILABLE", http: { status: 503, headers: { "Retry-After": "1" } } },
  });
}

export function unauthenticated(): GraphQLError {
  return new GraphQLError("A valid admin token is required: send it as 'Authorization: Bearer <token>'", {
    extensions: { code: "UNAUTHENTICATED", http: { status: 401, headers: { "WWW-Authenticate": "Bearer" } } },
  });
}

/** For a field that needs the scope ADMIN. Other fields are still answered, so this sets no HTTP status. */
export function forbidden(): GraphQLError {
  return new GraphQLError("This requires an admin token with the scope ADMIN", { extensions: { code: "FORBIDDEN" } });
}

/** The SHA-256 of a token, 32 bytes: what is stored and compared. */
export function hashToken(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

/** Which tokens are valid for an API. */
export interface KnownTokens {
  /** The SHA-256 of the configured token. It is valid in the sandbox and in production. */
  readonly adminTokenHash: Buffer;
  /** Whether tokens made in the sandbox are valid, or all others. */
  readonly sandbox: boolean;
}

/** The admin of the token in an `Authorization` header, or null. */
export async function findAdmin(
  db: Db,
  { adminTokenHash, sandbox }: KnownTokens,
  authorization: string | null,
): Promise<Admin | null> {
  const token = /^Bearer +([\x21-\x7e]+)$/i.exec(authorization ?? "")?.[1];
  if (token === undefined) return null;
  const tokenHash = hashToken(token);
  if (timingSafeEqual(tokenHash, adminTokenHash)) return { name: "ADMIN_TOKEN", scope: "admin", tokenId: null };
  const found = await findAdminToken(db, { tokenHash, sandbox });
  if (!found) return null;
  if (found.isUseStale) await touchAdminToken(db, found.id);
  return { name: found.name, scope: found.scope, tokenId: found.id };
}
