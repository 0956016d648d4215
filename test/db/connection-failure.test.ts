import { expect, test } from "vitest";
import { explainConnectionFailure } from "../../src/db/connection-failure.ts";

test.each([
  ["disable", "is a PostgreSQL server there, at that port?", "sslmode"],
  ["prefer", "If it is one without TLS, add sslmode=disable", "sslmode=prefer"],
  ["require", "it may have no TLS, so try sslmode=prefer", "sslmode=disable"],
] as const)("a connection that is closed with sslmode=%s: the mend fits the mode", (sslMode, mend, other) => {
  const closed = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });

  const failure = explainConnectionFailure(closed, { place: "db:5432", user: "shop", database: "till", sslMode });

  expect(failure).toHaveProperty("message", expect.stringContaining(mend));
  expect(failure).not.toHaveProperty("message", expect.stringContaining(other));
});
