/**
 * Shared by both peers: the addresses of the stand-ins, and the model's answer as a stream of text.
 *
 * As minimal as in their READMEs: no history, no tools, no database.
 */
import OpenAI from "openai";

/** @param {string} name */
export function given(name) {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is missing: only the benchmark starts this file`);
  return value;
}

const client = new OpenAI({ baseURL: given("OPENAI_BASE_URL"), apiKey: "none" });

/**
 * Streams the model's answer to `question`.
 *
 * @param {string} question
 */
export async function* answerTo(question) {
  const stream = await client.responses.create({ model: "bench", input: question, stream: true, store: false });
  for await (const event of stream) {
    if (event.type === "response.output_text.delta") yield event.delta;
  }
}

/** Exits when standard input ends, which happens when the benchmark exits. */
export function endWithTheBenchmark() {
  process.stdin.once("end", () => process.exit(0)).resume();
}

/** @param {unknown} error */
export function report(error) {
  if (process.env.LOG_LEVEL !== undefined) console.error(error);
}
