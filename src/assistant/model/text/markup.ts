/**
 * The markup with which models mark their thinking and their tool calls. A server that is set up for the model removes it;
 * another one sends it as text.
 *
 * The forms are those of the chat templates of Qwen, DeepSeek (also DSML), Hermes, Llama, Mistral, Kimi, Gemma, gpt-oss and MiniMax.
 */

/** Any end of thinking: of thinking that began before the text. */
export const END_OF_THINKING =
  /<\/(?:think|thinking|thought|thoughts|reasoning|reflection)\s*>|\[\/think\]|◁\/think▷|<channel\|>/i;

/** What begins where a piece of markup was found. */
export type Markup =
  | { kind: "thinking"; end: RegExp }
  /** The end of thinking that did not begin in this text: the template began it. */
  | { kind: "thinking-end" }
  | { kind: "call" }
  /** A control token, which is dropped. */
  | { kind: "token" };

/** The longest markup that is recognised, in UTF-16 units. */
export const MAX_MARKUP_LENGTH = 120;

const NAMESPACES = "(?:minimax:|antml:|xai:|seed:)?";
const THINKING_NAMES = ["think", "thinking", "thought", "thoughts", "reasoning", "reflection"];
const CALL_NAMES = [
  "tool_call",
  "tool_calls",
  "toolcall",
  "function_call",
  "function_calls",
  "tool_use",
  "invoke",
  "function",
];

const THINKING_TAG = new RegExp(`<(/?)(${NAMESPACES}(?:${THINKING_NAMES.join("|")}))(?:\\s[^<>]{0,60})?>`, "iy");
const THINKING_MARK = /\[(\/?)think\]|◁(\/?)think▷|<\|channel>\s*(?:thought|analysis)?|<(channel\|>)/iy;
const END_OF_MARKED_THINKING = /\[\/think\]|◁\/think▷|<channel\|>/i;
const CALL_TAG = new RegExp(`</?${NAMESPACES}(?:${CALL_NAMES.join("|")})(?:[\\s=][^<>]{0,80})?>`, "iy");
const CALL_MARK =
  /\[\/?tool_calls?\]|<\/?[｜|]dsml[｜|][^<>]{0,80}>|<\|(?:python_tag|tool_calls?(?:_section)?(?:_begin|_start)?)\|?>|<｜tool▁calls?▁begin｜>/iy;
/** A message of gpt-oss: the channel says what it is. */
const CHANNEL = /<\|channel\|>\s*(analysis|commentary|final)([^<]{0,60})(?:<\|constrain\|>[^<]{0,20})?<\|message\|>/iy;
const ROLE = /<\|start\|>\s*(?:assistant|system|user|tool)?/iy;
const TOKEN = /<\|[a-z][\w.-]{0,40}\|>|<｜[^｜<>]{1,40}｜>/iy;

/** The markup that begins at `index`, and where it ends; null when there is none. */
export function markupAt(text: string, index: number): { markup: Markup; end: number } | null {
  const tag = matchAt(THINKING_TAG, text, index);
  if (tag) {
    const markup: Markup = tag[1] ? { kind: "thinking-end" } : { kind: "thinking", end: closingOf(tag[2] ?? "") };
    return { markup, end: index + tag[0].length };
  }
  const bracket = matchAt(THINKING_MARK, text, index);
  if (bracket) {
    const isEnd = bracket[1] || bracket[2] || bracket[3];
    const markup: Markup = isEnd ? { kind: "thinking-end" } : { kind: "thinking", end: END_OF_MARKED_THINKING };
    return { markup, end: index + bracket[0].length };
  }
  const call = matchAt(CALL_TAG, text, index) ?? matchAt(CALL_MARK, text, index);
  if (call) return { markup: { kind: "call" }, end: index + call[0].length };
  const channel = matchAt(CHANNEL, text, index);
  if (channel) return { markup: ofChannel(channel[1] ?? "", channel[2] ?? ""), end: index + channel[0].length };
  const token = matchAt(ROLE, text, index) ?? matchAt(TOKEN, text, index);
  return token && { markup: { kind: "token" }, end: index + token[0].length };
}

/** Whether markup may begin at `index`, and only its rest is missing. */
export function mayBeMarkup(text: string, index: number): boolean {
  if (text.length - index > MAX_MARKUP_LENGTH) return false;
  const rest = text
    .slice(index)
    .toLowerCase()
    .replace(/(?<=^<\|channel>)\s+/, "");
  if (TAG_MARKS.some((mark) => mark.startsWith(rest))) return true;
  if (rest.startsWith("<|") || rest.startsWith("<｜")) return isUnfinishedToken(rest);
  if (rest.startsWith("<")) return isUnfinishedTag(rest);
  return MARKS.some((mark) => mark.startsWith(rest));
}

const MARKS = ["[think]", "[/think]", "[tool_calls]", "[/tool_calls]", "◁think▷", "◁/think▷"];
const TAG_MARKS = ["<channel|>", "<|channel>thought", "<|channel>analysis"];
const TAG_NAMES = [...THINKING_NAMES, ...CALL_NAMES].flatMap((name) =>
  ["", "minimax:", "antml:", "xai:", "seed:"].map((namespace) => namespace + name),
);

function isUnfinishedTag(rest: string): boolean {
  const found = /^<\/?([a-z_:]*)([\s=][^<>]*)?$/.exec(rest);
  if (!found) return false;
  const [, name = "", attributes] = found;
  return attributes === undefined ? TAG_NAMES.some((each) => each.startsWith(name)) : TAG_NAMES.includes(name);
}

/** A channel's message may go on with further tokens. */
function isUnfinishedToken(rest: string): boolean {
  if (rest.startsWith("<|channel|>")) return !rest.includes("<|message|>");
  if (/^<\|start\|>\s*[a-z]*$/.test(rest)) return true;
  if (/^<[｜|]dsml[｜|][^<>]{0,80}$/.test(rest)) return true;
  return /^<(?:\|[\w.-]{0,40}\|?|｜[^｜<>]{0,40}｜?)$/.test(rest);
}

/** Thinking with one tag ends with the same tag; that of gpt-oss at the end of its message. */
function closingOf(name: string): RegExp {
  return new RegExp(`</${name}\\s*>`, "i");
}

function ofChannel(channel: string, recipient: string): Markup {
  if (/\bto\s*=/.test(recipient)) return { kind: "call" };
  if (channel.toLowerCase() === "analysis")
    return { kind: "thinking", end: /<\|(?:end|return|call)\|>|(?=<\|(?:start|channel)\|>)/i };
  return { kind: "token" };
}

function matchAt(pattern: RegExp, text: string, index: number): RegExpExecArray | null {
  pattern.lastIndex = index;
  return pattern.exec(text);
}
