/** All tables, for drizzle-kit and the queries. */
export * from "./conversations.ts";
export * from "./shop.ts";
export * from "./staff.ts";
