/**
 * What both peers share: where the stand-ins are, and the model's answer as a stream of text.
 *
 * As small as their READMEs show it: no history, no tools, no database.
 */
import OpenAI from "openai";

/** @param {string} name */
export function given(name) {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is missing: this is started by the benchmark`);
  return value;
}

const client = new OpenAI({ baseURL: given("OPENAI_BASE_URL"), apiKey: "none" });

/**
 * The model's answer to `question`, piece by piece.
 *
 * @param {string} question
 */
export async function* answerTo(question) {
  const stream = await client.responses.create({ model: "bench", input: question, stream: true, store: false });
  for await (const event of stream) {
    if (event.type === "response.output_text.delta") yield event.delta;
  }
}

/** Ends this process when the benchmark is gone, and standard input with it. */
export function endWithTheBenchmark() {
  process.stdin.once("end", () => process.exit(0)).resume();
}

/** @param {unknown} error */
export function report(error) {
  if (process.env.LOG_LEVEL !== undefined) console.error(error);
}
