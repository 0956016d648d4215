/** The request in tests of model calls. */
import type { ModelRequest } from "../../../src/assistant/model/model.ts";

export const asked = { role: "user", content: "what's running out?" };
export const question: ModelRequest = {
  instructions: "You are the Assistant.",
  input: [asked],
  tools: [
    {
      name: "CheckOutOfStock",
      description: "What is running out.",
      parameters: { type: "object", properties: {}, required: [], additionalProperties: false },
    },
  ],
  mayCallTools: true,
  cacheKey: "thread-1",
  safetyIdentifier: null,
};
