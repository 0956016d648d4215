/** All tables, for drizzle-kit and the queries. */
export * from "./chats.ts";
export * from "./messages.ts";
export * from "./replies.ts";
export * from "./run-status.ts";
export * from "./runs.ts";
export * from "./shop.ts";
export * from "./staff.ts";
export * from "./workers.ts";
