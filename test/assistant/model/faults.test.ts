import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { INSUFFICIENT_QUOTA_BODY } from "../../../sandbox/model/api-refusal.ts";
import { fails, says } from "../../../sandbox/model/script.ts";
import type { ModelRequestBody, Turn } from "../../../sandbox/model/turn.ts";
import { textsIn } from "../../../src/bot/texts.ts";
import { startTestApp, type TestApp } from "../../support/app.ts";

const oatMi = { kind: "text", text: ["Oat", " mi"] } as const;

/** Failures of the model, by their error code here. */
const FAULTS = {
  MODEL_UNAVAILABLE: fails({ status: 503 }),
  MODEL_RATE_LIMITED: fails({ status: 429 }),
  MODEL_QUOTA: fails({ status: 429, body: INSUFFICIENT_QUOTA_BODY }),
  MODEL_REFUSED_KEY: fails({ status: 401 }),
  MODEL_REFUSED_REQUEST: fails({ status: 404 }),
  MODEL_FAILED: fails({ kind: "failed", code: "server_error", message: "Overloaded." }),
  MODEL_STREAM_BROKEN: fails({ kind: "drop" }, oatMi),
  MODEL_SILENT: fails({ kind: "silence" }, oatMi),
  MODEL_TOO_LONG: fails({ kind: "silence" }, { kind: "text", text: ["Oat mi", " ".repeat(100_000)] }),
  MODEL_INPUT_TOO_LONG: fails({
    status: 400,
    body: { error: { code: "context_length_exceeded", message: "Too long." } },
  }),
  MODEL_TOOLS_AS_TEXT: says('<tool_call>{"name":"CheckOutOfStock","arguments":{}}</tool_call>'),
  MODEL_EMPTY: { parts: [{ kind: "reasoning" }] },
} as const satisfies Record<string, Turn>;

type FaultCode = keyof typeof FAULTS;
const CODES = Object.keys(FAULTS) as FaultCode[];

let running: TestApp;

beforeAll(async () => {
  running = await startTestApp(({ body }) => FAULTS[questionOf(body) as FaultCode], { idleTimeoutMs: 2_000 });
});

// A restart closes the circuit: so many failures in a row would open it.
afterEach(() => running.restart());

afterAll(() => running.close());

function questionOf({ input }: ModelRequestBody): unknown {
  return Array.isArray(input) ? input.findLast((item) => item.role === "user")?.content : input;
}

interface Runs {
  runs: { nodes: { status: string; error: { code: string; message: string }; message: { text: string } | null }[] };
}

const runsWith = `query ($code: String) {
  runs(filter: { errorCode: $code }) { nodes { status error { code message } message { text } } }
}`;

test.for(CODES)("%s: the person gets one message in their language, and the run has failed with it", async (code) => {
  const [english, vietnamese] = await Promise.all(
    ["en", "vi-VN"].map((language_code) => running.staff("staff", { language_code })),
  );
  const ofCode = (language: string) => textsIn(language).faults[code];

  english?.send(code);
  vietnamese?.send(code);
  await english?.waitForBotMessage((message) => message.text?.endsWith(ofCode("en")) ?? false);
  await vietnamese?.waitForBotMessage((message) => message.text?.endsWith(ofCode("vi")) ?? false);

  const said = code === "MODEL_STREAM_BROKEN" || code === "MODEL_SILENT" || code === "MODEL_TOO_LONG";
  const before = said ? "Oat mi\n\n" : "";
  expect(english?.botMessages().map(({ text }) => text)).toEqual([`${before}${ofCode("en")}`]);
  expect(vietnamese?.botMessages().map(({ text }) => text)).toEqual([`${before}${ofCode("vi")}`]);
  const { runs } = await running.graphql<Runs>(runsWith, { code });
  expect(runs.nodes.map(({ status }) => status)).toEqual(["FAILED", "FAILED"]);
  expect(runs.nodes[0]?.message?.text.trim()).toBe(said ? "Oat mi" : undefined);
});

test("every error message is tested, and no two are equal", () => {
  const tested: string[] = [
    ...CODES,
    // Tested in `run.test.ts`, `worker.test.ts`, `outage.test.ts` and `model.test.ts`.
    "MODEL_UNREACHABLE",
    "MODEL_TIMEOUT",
    "MODEL_CIRCUIT_OPEN",
    "MODEL_CUT_SHORT",
    "TOO_MANY_ROUNDS",
    "TOO_MANY_ATTEMPTS",
    "INTERNAL",
  ];

  for (const language of ["en", "vi"]) {
    const { faults } = textsIn(language);
    expect(Object.keys(faults).toSorted()).toEqual(tested.toSorted());
    expect(new Set(Object.values(faults)).size).toBe(tested.length);
  }
});
