/**
 * Refuses what a page of another site can have a browser send without asking first: a GET, or a form's kinds of body. The
 * rule is Yoga's plugin's; the words are ours, since its own do not say which header is missing.
 */
import { useCSRFPrevention } from "@graphql-yoga/plugin-csrf-prevention";
import { GraphQLError } from "graphql";
import type { Plugin } from "graphql-yoga";

/** No form can set it. Its value does not matter. */
const HEADER = "x-graphql-yoga-csrf";

export function preventCsrf(): Plugin {
  const { onRequestParse } = useCSRFPrevention({ requestHeaders: [HEADER] });
  return {
    async onRequestParse(payload) {
      try {
        await onRequestParse?.(payload);
      } catch (error) {
        throw error instanceof GraphQLError ? forgeable() : error;
      }
    },
  };
}

function forgeable(): GraphQLError {
  const message = `Another site's page could have sent this: send 'Content-Type: application/json', or the header '${HEADER}' with any value`;
  return new GraphQLError(message, { extensions: { code: "BAD_USER_INPUT", http: { status: 403 } } });
}
