/**
 * Rich messages as plain text (Bot API 10.1: `rich_message.blocks`): labels of lists stay, cells of a table are separated by tabs,
 * and what is no text leaves its name, such as `[photo]`.
 *
 * The blocks are read by their fields, not by their types alone: those of a later version keep their text.
 */

export interface FlatText {
  text: string;
  /** The addresses of its links. A person or bot that is mentioned by name is `tg://user?id=42`. */
  links: string[];
  /** Whether somebody wrote anything: the marks of pictures are not words. */
  hasWords: boolean;
  /** Whether it has something that is no text, such as a picture, or a block that is not known yet. */
  hasAttachment: boolean;
}

/** Four times what Telegram allows: a local Bot API server may send anything. */
const MAX_CHARACTERS = 131_072;
const MAX_LEVELS = 40;

type Fields = Record<string, unknown>;

/** The text of `rich_message`, of any JSON. Never throws; at most 131,072 UTF-16 units. */
export function flattenRichMessage(message: unknown): FlatText {
  const state: State = { links: [], hasWords: false, hasAttachment: false, left: MAX_CHARACTERS };
  const text = blocksOf(state, recordOf(message).blocks, 0);
  const { left: _left, ...flat } = state;
  return { ...flat, text: text.slice(0, MAX_CHARACTERS).toWellFormed() };
}

interface State extends Omit<FlatText, "text"> {
  /** Characters that may still be read. */
  left: number;
}

/** Blocks, each on lines of its own. */
function blocksOf(state: State, blocks: unknown, level: number): string {
  if (!Array.isArray(blocks) || level > MAX_LEVELS) return "";
  const texts: string[] = [];
  for (const block of blocks) {
    if (state.left <= 0) break;
    texts.push(blockOf(state, recordOf(block), level));
  }
  return texts.filter((text) => text !== "").join("\n");
}

function blockOf(state: State, block: Fields, level: number): string {
  const inner = level + 1;
  switch (block.type) {
    case "divider":
      return "---";
    case "anchor":
      return "";
    case "mathematical_expression":
      return take(state, block.expression);
    case "list":
      return listOf(state, block.items, inner);
    case "table":
      return joined([inlineOf(state, block.caption, inner), tableOf(state, block.cells, inner)]);
    case "buttons":
      return "[buttons]";
  }
  const body = joined([
    inlineOf(state, block.summary, inner),
    inlineOf(state, block.text, inner),
    blocksOf(state, block.blocks, inner),
    captionOf(state, block.caption, inner),
    inlineOf(state, block.credit, inner),
  ]);
  if (TEXT_BLOCKS.has(block.type)) return body;
  state.hasAttachment = true;
  return joined([`[${nameOf(block.type)}]`, body], " ");
}

/** Blocks that are nothing but their text. */
const TEXT_BLOCKS: ReadonlySet<unknown> = new Set([
  "paragraph",
  "heading",
  "pre",
  "footer",
  "blockquote",
  "expandable_blockquote",
  "pullquote",
  "details",
]);

/** `1. first`. What a list item has below its first line is indented. */
function listOf(state: State, items: unknown, level: number): string {
  if (!Array.isArray(items)) return "";
  return items
    .map((value) => {
      const item = recordOf(value);
      const mark = item.has_checkbox ? `[${item.is_checked ? "x" : " "}]` : "";
      const text = blocksOf(state, item.blocks, level).replaceAll("\n", "\n  ");
      return joined([take(state, item.label), mark, text], " ");
    })
    .join("\n");
}

function tableOf(state: State, rows: unknown, level: number): string {
  if (!Array.isArray(rows)) return "";
  return rows
    .map((row) => (Array.isArray(row) ? row.map((cell) => inlineOf(state, recordOf(cell).text, level)).join("\t") : ""))
    .join("\n");
}

function captionOf(state: State, caption: unknown, level: number): string {
  const { text, credit } = recordOf(caption);
  return joined([inlineOf(state, text ?? caption, level), inlineOf(state, credit, level)]);
}

/** Inline text: a string, a list, or formatting around a text. */
function inlineOf(state: State, value: unknown, level: number): string {
  if (state.left <= 0 || level > MAX_LEVELS) return "";
  if (typeof value === "string") return take(state, value);
  if (Array.isArray(value)) return value.map((each) => inlineOf(state, each, level + 1)).join("");
  const inline = recordOf(value);
  noteLink(state, inline);
  const { text, button, expression, alternative_text: alternative } = inline;
  if (text !== undefined) return inlineOf(state, text, level + 1);
  return button === undefined
    ? take(state, expression ?? alternative)
    : inlineOf(state, recordOf(button).text, level + 1);
}

function noteLink(state: State, { type, user, url }: Fields): void {
  const link = type === "text_mention" ? `tg://user?id=${recordOf(user).id}` : url;
  if (typeof link === "string" && state.links.length < MAX_LINKS) state.links.push(link);
}

const MAX_LINKS = 1_000;

function take(state: State, value: unknown): string {
  if (typeof value !== "string") return "";
  const text = value.slice(0, Math.max(0, state.left));
  state.left -= text.length;
  state.hasWords ||= text.trim() !== "";
  return text;
}

function joined(texts: string[], separator = "\n"): string {
  return texts.filter((text) => text !== "").join(separator);
}

function nameOf(type: unknown): string {
  return typeof type === "string" && type !== "" ? type.slice(0, 40).replaceAll("_", " ") : "block";
}

function recordOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}
