/** One error as a whole HTTP response, for a request that is refused before or after it is executed. */
import type { GraphQLError } from "graphql";
import type { FetchAPI } from "graphql-yoga";

/**
 * `extensions.http` has the status and headers, as for Yoga. The media type is that of the GraphQL over HTTP specification if the
 * client accepts it, else JSON.
 */
export function errorResponse({ message, extensions }: GraphQLError, request: Request, { Response }: FetchAPI) {
  const { http = {}, ...publicExtensions } = extensions;
  const { status = 500, headers = {} } = http as { status?: number; headers?: Record<string, string> };
  const type = "application/graphql-response+json";
  const isAccepted = request.headers.get("accept")?.includes(type) === true;
  return new Response(JSON.stringify({ errors: [{ message, extensions: publicExtensions }] }), {
    status,
    headers: { "content-type": `${isAccepted ? type : "application/json"}; charset=utf-8`, ...headers },
  });
}
