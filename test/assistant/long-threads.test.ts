/** A thread never dies: what does not fit into the model's window is left out, and admins see it. */
import { afterEach, expect, test } from "vitest";
import { calls, says } from "../../sandbox/model/script.ts";
import { estimateTokens } from "../../sandbox/model/tokens.ts";
import type { ModelRequest, Responder } from "../../sandbox/model/turn.ts";
import { textsIn } from "../../src/bot/texts.ts";
import { inputOf, openRunTest, type RunTest, type RunTestOptions, tool } from "./run-support.ts";

let runTest: RunTest | undefined;
afterEach(async () => {
  await runTest?.close();
  runTest = undefined;
});

/** Each question has its number and 3,000 characters. */
const questionOf = (n: number) => `question ${n} ${"x".repeat(3_000)}`;
const numbersIn = (request: ModelRequest | undefined) =>
  inputOf(request)
    .flatMap(({ content }) => /^question (\d+)/.exec(String(content))?.[1] ?? [])
    .map(Number);

async function open(options: RunTestOptions, answer: Responder = ({ number }) => says(`Answer ${number}.`)) {
  runTest = await openRunTest(answer, options);
  return runTest;
}

/** The tokens of instructions and tools, as the stand-in counts them. */
async function overheadOf(api: "responses" | "chat"): Promise<number> {
  const opened = await openRunTest(() => says("ok"), { standIn: { api } });
  await opened.answer("?");
  const { body } = opened.model.requests[0] as ModelRequest;
  await opened.close();
  return estimateTokens(JSON.stringify([body.tools, body.instructions, body.input]).length);
}

test.each(["responses", "chat"] as const)(
  "%s: a thread that no longer fits is asked again with the newest runs, and each later question is answered",
  async (api) => {
    const contextTokens = (await overheadOf(api)) + 3_500;
    const { answer, events, model } = await open({ standIn: { api, contextTokens } });

    for (let n = 1; n <= 7; n += 1) {
      const { finalText, run } = await answer(questionOf(n));
      expect(finalText).toMatch(/^Answer \d+\.$/);
      expect(run.inputCut).toEqual(
        model.refused.length > 0 ? expect.stringMatching(/older_runs|question_only/) : "none",
      );
    }

    expect(model.refused.length).toBeGreaterThan(0);
    expect(model.refused.every(({ message }) => /context/.test(message))).toBe(true);
    expect(numbersIn(model.requests.at(-1)).at(-1)).toBe(7);
    expect(numbersIn(model.requests.at(-1)).length).toBeLessThan(7);
    // Nothing was said twice.
    expect(events.filter(({ type }) => type === "message-completed")).toHaveLength(7);
    expect(events.flatMap((event) => (event.type === "text-delta" ? event.delta : [])).join("")).toMatch(
      /^(?:Answer \d+\.){7}$/,
    );
  },
);

test("a window that holds only the question gets the question alone", async () => {
  const contextTokens = (await overheadOf("chat")) + 900;
  const { answer } = await open({ standIn: { api: "chat", contextTokens } });

  await answer(questionOf(1));
  const { finalText, run } = await answer(questionOf(2));

  expect(run.inputCut).toBe("question_only");
  expect(finalText).toMatch(/^Answer/);
});

test("a question that is too long alone gets a sentence, and the next one is answered", async () => {
  const contextTokens = (await overheadOf("responses")) + 900;
  const { answer } = await open({ standIn: { contextTokens } });

  await answer("hello");
  const long = await answer("y".repeat(8_000));
  const next = await answer("short?");

  expect(long.run).toMatchObject({ status: "failed", errorCode: "MODEL_INPUT_TOO_LONG", inputCut: "question_only" });
  expect(long.finalText).toBe(textsIn("en").faults.MODEL_INPUT_TOO_LONG);
  expect(next.run.status).toBe("completed");
});

test("outputs of tools count too: a later round goes on without the history", async () => {
  const contextTokens = (await overheadOf("responses")) + 4_000;
  const much = tool("Much", () => ({ rows: "z".repeat(9_000) }));
  const { answer, model } = await open({ standIn: { contextTokens }, tools: [much] }, ({ number }) =>
    number === 4 ? calls({ name: "Much", arguments: { n: null } }) : says(`Answer ${number}.`),
  );

  for (let n = 1; n <= 3; n += 1) await answer(questionOf(n));
  const { finalText, run } = await answer(questionOf(4));

  expect(finalText).toMatch(/^Answer/);
  expect(run.inputCut).toMatch(/older_runs|question_only/);
  expect(inputOf(model.requests.at(-1)).some(({ type }) => type === "function_call_output")).toBe(true);
});

test("the window that the server's list of models tells is filled, and not exceeded", async () => {
  const contextTokens = (await overheadOf("responses")) + 6_000;
  const { answer, model } = await open({ standIn: { contextTokens, listed: { max_model_len: contextTokens } } });

  for (let n = 1; n <= 10; n += 1) await answer(questionOf(n));

  expect(model.refused).toEqual([]);
  expect(numbersIn(model.requests.at(-1)).length).toBeGreaterThan(1);
  expect(numbersIn(model.requests.at(-1)).length).toBeLessThan(10);
  expect(model.requests.at(-1)?.body.max_output_tokens).toBe(Math.floor(contextTokens / 4));
});

test("the window that an error tells is kept to from then on", async () => {
  const contextTokens = (await overheadOf("chat")) + 6_000;
  const { answer, model } = await open({ standIn: { api: "chat", contextTokens } });

  for (let n = 1; n <= 14; n += 1) await answer(questionOf(n));

  expect(model.refused).toHaveLength(1);
});

test("OPENAI_CONTEXT_TOKENS limits the history", async () => {
  const { answer, model } = await open({ contextTokens: 2_100 });

  for (let n = 1; n <= 4; n += 1) await answer(questionOf(n));

  expect(numbersIn(model.requests.at(-1))).toEqual([2, 3, 4]);
});

test("a server that cuts the input without a word is noticed, with one warning that says what to do", async () => {
  const warnings: string[] = [];
  const { answer } = await open({
    standIn: { contextTokens: 500, cutsSilently: true },
    onLog: (phrase) => warnings.push(phrase),
  });

  const { finalText, run } = await answer(questionOf(1).repeat(4));

  expect(finalText).toBe("Answer 1.");
  expect(run.inputCut).toBe("by_server");
  expect(warnings).toEqual([expect.stringMatching(/read only a part.*OLLAMA_CONTEXT_LENGTH/)]);
});
