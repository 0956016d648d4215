/**
 * Who asks: a bearer token in, an admin or nobody out.
 *
 * Only SHA-256 hashes are compared: the configured token's in constant time, the others by their unique index, where the
 * time that a look-up takes says nothing about a token that hashes elsewhere.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { GraphQLError } from "graphql";
import type { FetchAPI, Plugin } from "graphql-yoga";
import type { Db } from "../../db/client.ts";
import { findAdminToken, touchAdminToken } from "../../db/queries/admin/tokens.ts";

/** One who holds a valid token. `viewer` reads; `admin` may also change, and see who else holds a token. */
export interface Admin {
  readonly name: string;
  readonly scope: "viewer" | "admin";
  /** The row of the token; null for the configured one, which is stored nowhere. */
  readonly tokenId: string | null;
}

export interface Authenticator {
  /** The admin whose token the request brings, or null. Looked up once for a request, however often it is asked. */
  authenticate(request: Request): Promise<Admin | null>;
}

export function createAuthenticator(db: Db, tokens: KnownTokens): Authenticator {
  const known = new WeakMap<Request, Promise<Admin | null>>();
  return {
    authenticate: (request) => {
      const answer = known.get(request) ?? findAdmin(db, tokens, request.headers.get("authorization"));
      known.set(request, answer);
      return answer;
    },
  };
}

/** What Yoga knows beside the request itself; without `req` where it came over no network. */
interface Arrival {
  readonly req?: IncomingMessage;
}

export interface TokenCheck {
  /** The error for a request that is not let in: `refusal`, or HTTP 429 for an address from which there were too many. */
  refuse(remoteAddress: string, refusal: GraphQLError): GraphQLError;
  /** Hears of each request that came over the network with a valid token. */
  readonly onTrusted?: ((request: IncomingMessage) => void) | undefined;
  /** Hears why a token could not be checked. */
  onError(error: unknown): void;
}

/** Refuses a request without a valid token, before anything else is looked at: its body, or which answers it takes. */
export function requireToken({ authenticate }: Authenticator, check: TokenCheck): Plugin<object, Arrival> {
  const refusalOf = async (request: Request): Promise<GraphQLError | null> => {
    try {
      return (await authenticate(request)) === null ? unauthenticated() : null;
    } catch (error) {
      check.onError(error);
      return error instanceof GraphQLError ? error : uncheckable();
    }
  };
  return {
    async onRequest({ request, serverContext, fetchAPI, endResponse }) {
      const { req } = serverContext;
      const refusal = await refusalOf(request);
      if (refusal === null) return req && check.onTrusted?.(req);
      // Of the connection: a client can write into `X-Forwarded-For` what it likes.
      endResponse(toResponse(check.refuse(req?.socket.remoteAddress ?? "", refusal), request, fetchAPI));
    },
  };
}

/** As GraphQL over HTTP has it: in the media type of that specification where the client takes it, else as JSON. */
function toResponse({ message, extensions }: GraphQLError, request: Request, { Response }: FetchAPI) {
  const { http = {}, ...shown } = extensions;
  const { status = 500, headers = {} } = http as { status?: number; headers?: Record<string, string> };
  const type = "application/graphql-response+json";
  const isTaken = request.headers.get("accept")?.includes(type) === true;
  return new Response(JSON.stringify({ errors: [{ message, extensions: shown }] }), {
    status,
    headers: { "content-type": `${isTaken ? type : "application/json"}; charset=utf-8`, ...headers },
  });
}

/** For a token that nobody can check now: the database that knows it is away. */
function uncheckable(): GraphQLError {
  return new GraphQLError("The token cannot be checked now: try again in a moment", {
    extensions: { code: "UNAVAILABLE", http: { status: 503, headers: { "Retry-After": "1" } } },
  });
}

export function unauthenticated(): GraphQLError {
  return new GraphQLError("A valid admin token is needed: send it as 'Authorization: Bearer <token>'", {
    extensions: { code: "UNAUTHENTICATED", http: { status: 401, headers: { "WWW-Authenticate": "Bearer" } } },
  });
}

/** For a field that a viewer's token does not open. Beside it the rest of the answer stands: no HTTP status of its own. */
export function forbidden(): GraphQLError {
  return new GraphQLError("This needs an admin token with the scope ADMIN", { extensions: { code: "FORBIDDEN" } });
}

/** What is stored and compared of a token. */
export function hashToken(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

/** What tokens are compared with. */
export interface KnownTokens {
  /** The SHA-256 of the configured token, 32 bytes. It opens a real bot's API and the sandbox's. */
  readonly adminTokenHash: Buffer;
  /** Whether the tokens made in the sandbox count, or else all others. */
  readonly sandbox: boolean;
}

/** The admin whose token an `Authorization` header brings, or null. */
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
