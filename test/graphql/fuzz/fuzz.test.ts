import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { fuzz } from "./fuzz.ts";
import type { FuzzRequest } from "./requests.ts";
import { findFaults } from "./response-checks.ts";
import { createFuzzTarget, type FuzzTarget } from "./target.ts";

let testDatabase: TestDatabase;
let target: FuzzTarget;
beforeAll(async () => {
  testDatabase = await createTestDatabase();
  target = await createFuzzTarget(testDatabase.database);
});
afterAll(() => testDatabase.close());

test("every request, valid or broken, gets data or errors with a code, and leaks nothing", async () => {
  const { asked, seen, findings } = await fuzz(target, { seed: 5, count: 300 });

  expect(findings).toEqual([]);
  expect(asked).toBe(300);
  // Both valid and invalid requests occur: a fuzz run with refusals only proves nothing.
  expect(seen["without errors"]).toBeGreaterThan(50);
  expect(Object.keys(seen)).toEqual(
    expect.arrayContaining(["BAD_USER_INPUT", "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "UNAUTHENTICATED"]),
  );
});

test.each([
  ["unhandledRejection", () => void Promise.reject(new Error("unhandled"))],
  ["uncaughtException", () => queueMicrotask(throwUnhandled)],
])("an %s during a request is a finding with this request", async (event, fail) => {
  const listeners = process.rawListeners(event);
  const asked: FuzzRequest[] = [];
  const ask: FuzzTarget["ask"] = (request) => {
    asked.push(request);
    if (asked.length === 2) fail();
    return target.ask(request);
  };

  const { findings } = await fuzz({ ...target, ask }, { seed: 5, count: 3 });

  expect(findings).toEqual([expect.objectContaining({ request: asked[1] })]);
  expect(findings[0]?.faults).toEqual([expect.stringMatching(new RegExp(`^${event}: Error: unhandled`))]);
  expect(process.rawListeners(event)).toEqual(listeners);
});

const REQUEST: FuzzRequest = { method: "POST", contentType: "", sent: "", as: "admin", fields: 2 };

test.each([
  ["a status of 500", { status: 500, text: '{"data":{}}', statements: 0 }],
  ["a stack trace", { status: 200, text: JSON.stringify({ data: "Error\n    at ask (/x.js)" }), statements: 0 }],
  ["SQL", { status: 200, text: JSON.stringify({ data: 'select "id" from "runs"' }), statements: 0 }],
  ["no JSON", { status: 200, text: "<html>", statements: 0 }],
  ["nothing", { status: 200, text: "{}", statements: 0 }],
  ["an error without a code", { status: 200, text: '{"errors":[{"message":"no"}]}', statements: 0 }],
  ["a list that is too long", { status: 200, text: JSON.stringify({ data: Array(101).fill(1) }), statements: 0 }],
  ["statements that grow with the rows", { status: 200, text: '{"data":{}}', statements: 100 }],
])("the check finds %s", (_, answer) => {
  expect(findFaults(REQUEST, answer)).toHaveLength(1);
});

function throwUnhandled(): never {
  throw new Error("unhandled");
}
