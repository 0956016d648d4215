import { DrizzleQueryError } from "drizzle-orm/errors";
import { expect, test } from "vitest";
import { withoutSecrets } from "../../src/observability/logger.ts";
import { createCapturedLog } from "../support/log.ts";

const BOT_TOKEN = "123456789:AAFabcdefghijklmnopqrstuvwxyz_-12345";
const API_KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz";
const ADMIN_TOKEN = `ch_${"aB3_-".repeat(8)}xyz`;
const NEW_TOKEN = `ch_abcdef_${"aB3_-".repeat(8)}xyz`;
const PASSWORD = "hunter2";
const SECRETS = [BOT_TOKEN, API_KEY, ADMIN_TOKEN, PASSWORD];

function expectNoSecret(text: string): void {
  for (const secret of SECRETS) expect(text).not.toContain(secret);
}

test("facts are fields of a JSON line, and the level filters lines", () => {
  const log = createCapturedLog({ level: "info" });

  log.logger.child({ runId: "1" }).info({ rounds: 2 }, "run ended");
  log.logger.debug("not this");

  expect(log.lines()).toEqual([{ level: 30, time: expect.any(Number), runId: "1", rounds: 2, msg: "run ended" }]);
});

test("fields for secrets or a message's text are redacted, down to three levels", () => {
  const log = createCapturedLog();
  const secret = { token: BOT_TOKEN, apiKey: API_KEY, adminToken: ADMIN_TOKEN, password: PASSWORD, text: "hello Lan" };

  log.logger.info({ ...secret, one: secret, two: { three: secret } }, "started");

  const redacted = Object.fromEntries(Object.keys(secret).map((name) => [name, "[redacted]"]));
  expect(log.lines()).toMatchObject([{ ...redacted, one: redacted, two: { three: redacted }, msg: "started" }]);
});

test("a token, key or password within a text is never written, in any field and format", () => {
  const said = [
    `fetch https://api.telegram.org/bot${BOT_TOKEN}/getMe failed`,
    `Incorrect API key provided: ${API_KEY}`,
    `GET /graphql authorization: Bearer ${ADMIN_TOKEN}`,
    `connect postgres://shop:${PASSWORD}@db:5432/shop`,
  ];
  for (const pretty of [false, true]) {
    const log = createCapturedLog({ pretty });
    for (const text of said) {
      log.logger.error({ err: new Error(text, { cause: new Error(text) }) }, "failed");
      log.logger.warn({ reason: text, deep: { er: [{ reason: text }] } }, text);
    }

    expect(log.text().split("failed").length).toBeGreaterThan(said.length);
    expectNoSecret(log.text());
  }
});

test.each([ADMIN_TOKEN, NEW_TOKEN])("no part of an admin token is written: %s", (token) => {
  const log = createCapturedLog();

  log.logger.error({ reason: `Bearer ${token}` }, "failed");

  expect(log.lines()).toMatchObject([{ reason: "Bearer [token]" }]);
});

test("a line from which a secret is cut is still valid JSON", () => {
  const log = createCapturedLog();

  log.logger.info({ page: "http://localhost:4000", email: "lan@xipho.vn" }, `token ${BOT_TOKEN}`);

  expect(log.lines()).toMatchObject([{ page: "http://localhost:4000", email: "lan@xipho.vn", msg: "token [token]" }]);
});

test("an error is logged with its type, code, stack and causes", () => {
  const log = createCapturedLog();
  const cause = Object.assign(new TypeError("refused"), { code: "ECONNREFUSED" });

  log.logger.error({ err: new Error("cannot connect", { cause }) }, "failed");

  expect(log.lines()).toMatchObject([
    {
      err: {
        type: "Error",
        message: "cannot connect",
        stack: expect.stringContaining("logger.test.ts"),
        cause: { type: "TypeError", message: "refused", code: "ECONNREFUSED" },
      },
    },
  ]);
});

test("a failed query is logged with its SQL and the database's reason, but without its parameters", () => {
  const log = createCapturedLog();
  const reason = Object.assign(new Error('relation "x" does not exist'), { code: "42P01" });

  log.logger.error(
    { err: new DrizzleQueryError("insert into x values ($1)", ["what Lan wrote\nin two lines"], reason) },
    "failed",
  );

  expect(log.lines()).toMatchObject([
    { err: { message: "Failed query: insert into x values ($1)", code: "42P01", cause: { message: reason.message } } },
  ]);
  expect(log.text()).not.toContain("what Lan wrote");
});

test("any thrown value can be logged: text, undefined, an error that is its own cause", () => {
  const log = createCapturedLog();
  const own = new Error("round");
  own.cause = own;

  for (const err of ["stopped", undefined, null, 7, { reason: "odd" }, own]) log.logger.error({ err }, "failed");

  expect(log.lines()).toHaveLength(6);
  expect(log.lines()[0]).toMatchObject({ err: { message: "stopped" } });
});

test.each(["x", "1", "a://"])("a long text of %j only is searched in linear time", (piece) => {
  const text = piece.repeat(250_000);

  expect(withoutSecrets(text)).toBe(text);
});

test("a password with a character that should have been percent-encoded is cut as a whole", () => {
  expect(withoutSecrets("postgres://shop:p@ss:w@rd@db/shop?x=1")).toBe("postgres://shop:[password]@db/shop?x=1");
  expect(withoutSecrets("http://127.0.0.1:4000/graphql and lan@xipho.vn")).toBe(
    "http://127.0.0.1:4000/graphql and lan@xipho.vn",
  );
});
