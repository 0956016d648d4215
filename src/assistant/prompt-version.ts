/**
 * The prompt's version: a short hash of the prompt's text and of the tools as the model gets them.
 *
 * It is the same in every process, for every shop, person and day: facts and history are not part of it. Another word in a
 * sentence, a description or a parameter makes another version.
 */
import { createHash } from "node:crypto";
import type { ModelTool } from "./model/model.ts";

const VERSION_CHARACTERS = 12;

/** `words` as `promptWords` returns them; the tools in the order in which the model gets them. */
export function versionOfPrompt(words: string, tools: readonly ModelTool[]): string {
  const hash = createHash("sha256").update(JSON.stringify([words, tools]));
  return hash.digest("hex").slice(0, VERSION_CHARACTERS);
}
