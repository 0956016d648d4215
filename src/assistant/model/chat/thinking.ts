/** The thinking of an answer over Chat Completions. It is not shown, and goes back unchanged with the calls that it led to. */
import { isRecord, textOrNull } from "../json.ts";

/** By the field in which it came. */
export type Thinking = Record<string, unknown>;

/** Texts, as DeepSeek and Groq send them. */
const TEXT_FIELDS = ["reasoning_content", "reasoning"] as const;
/** Lists, as OpenRouter and LiteLLM send them. */
const LIST_FIELDS = ["reasoning_details", "thinking_blocks"] as const;

/** Adds what a delta tells of it. A whole message replaces what was told before. */
export function addThinking(thinking: Thinking, message: Record<string, unknown>, { isWhole }: { isWhole: boolean }) {
  for (const field of TEXT_FIELDS) {
    const text = textOrNull(message[field]);
    if (text !== null) thinking[field] = isWhole ? text : (textOrNull(thinking[field]) ?? "") + text;
  }
  for (const field of LIST_FIELDS) {
    const blocks = message[field];
    if (!Array.isArray(blocks) || blocks.length === 0) continue;
    const before = isWhole || !Array.isArray(thinking[field]) ? [] : thinking[field];
    thinking[field] = blocks.filter(isRecord).reduce(withBlock, before);
  }
}

type Block = Record<string, unknown>;

/** Pieces of one block are joined. A signature ends a block; data is a block of its own. */
function withBlock(blocks: readonly Block[], block: Block): Block[] {
  const last = blocks.at(-1);
  const isNext = !last || last.type !== block.type || last.index !== block.index || last.signature || "data" in block;
  if (isNext) return [...blocks, block];
  const told = Object.entries(block).filter(([, value]) => value !== null);
  const joined = told.map(([name, value]) => [name, PIECES.includes(name) ? `${last[name] ?? ""}${value}` : value]);
  return [...blocks.slice(0, -1), { ...last, ...Object.fromEntries(joined) }];
}

const PIECES: readonly string[] = ["text", "summary", "thinking"];
