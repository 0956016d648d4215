/** The environment of the API in tests: a shop, and the tools of the product. */
import type { ApiEnvironment } from "../../src/graphql/api-environment.ts";
import { STAFF_ROLES } from "../../src/shop/roles.ts";
import { createToolRegistry } from "../../src/tools/registry.ts";
import { HANOI } from "../support/shop.ts";

export function createTestEnvironment(values: Partial<ApiEnvironment> = {}): ApiEnvironment {
  const tools = [...createToolRegistry(STAFF_ROLES).values()];
  return { shop: HANOI, tools, sandbox: false, now: () => new Date(), ...values };
}
