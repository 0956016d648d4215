/**
 * CSRF protection: refuses requests that a page of another site can send without a CORS preflight, such as a GET or a form.
 *
 * The check is Yoga's plugin. The message is ours, because the plugin's does not name the missing header.
 */
import { useCSRFPrevention } from "@graphql-yoga/plugin-csrf-prevention";
import { GraphQLError } from "graphql";
import type { Plugin } from "graphql-yoga";

/** A form cannot set it. Its value does not matter. */
const HEADER = "x-graphql-yoga-csrf";

export function preventCsrf(): Plugin {
  const { onRequestParse } = useCSRFPrevention({ requestHeaders: [HEADER] });
  return {
    async onRequestParse(payload) {
      try {
        await onRequestParse?.(payload);
      } catch (error) {
        throw error instanceof GraphQLError ? blocked() : error;
      }
    },
  };
}

function blocked(): GraphQLError {
  const message = `Blocked by CSRF protection: send 'Content-Type: application/json', or the header '${HEADER}' with any value`;
  return new GraphQLError(message, { extensions: { code: "BAD_USER_INPUT", http: { status: 403 } } });
}
