/**
 * Which words the model was asked with: a short name of the prompt and of the tools as it is told of them.
 *
 * The same in every process, for every shop, person and day: facts are not in it, and neither is a history. Another word in
 * a sentence, a description or a parameter makes another.
 */
import { createHash } from "node:crypto";
import type { ModelTool } from "./model/model.ts";

const VERSION_CHARACTERS = 12;

/** `words` as `promptWords` gives them; the tools in the order in which the model is told of them. */
export function versionOfPrompt(words: string, tools: readonly ModelTool[]): string {
  const hash = createHash("sha256").update(JSON.stringify([words, tools]));
  return hash.digest("hex").slice(0, VERSION_CHARACTERS);
}
