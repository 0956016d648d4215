/**
 * Markdown as tokens of `marked`: CommonMark and GFM, with a few exceptions for streamed chat messages.
 *
 * The exceptions prevent text on the screen from changing when more text arrives, and keep figures as they were written. It
 * knows nothing of Telegram.
 */
import { Marked, type Token, Tokenizer, type Tokens } from "marked";

/** The longest line that an underline of `---` or `===` can turn into a heading: a long paragraph must not change late. */
const MAX_UNDERLINED_HEADING_LENGTH = 100;

/** The longest first row of a table. A longer line is text, so that it does not change late. */
export const MAX_HEADER_LENGTH = 500;

/** The most columns of a table. The layout of hundreds of empty ones would take seconds, and no screen shows them. */
const MAX_COLUMNS = 30;

/** A line that starts with more list and quote markers is text: `marked` recurses, and reads the content again at each level. */
const MAX_NESTING = 16;

const BULLET = "(?:[-*+]|\\d{1,9}[.)])(?=[ \\t])";
const TOO_DEEP = `(?:[ \\t]*(?:>|${BULLET})){${MAX_NESTING + 1}}`;
const STARTS_TOO_DEEP = new RegExp(`^${TOO_DEEP}`);
/** The line break before a list item that nests too deep. */
const BEFORE_DEEP_ITEM = new RegExp(`\\n(?= {0,3}${BULLET})(?=${TOO_DEEP})`);
const STARTS_LIST = /^ {0,3}(?:[-*+]|\d)/;

/** Marks the rest of a paragraph that is read in two pieces: a line with this prefix is always text. */
export const CONTINUATION = "\u2060 ";

/**
 * Bold without other markup. CommonMark depends on spaces, so it misses the end in "**注意。**然后" and the start in
 * "chữ**“đậm”**". Models mean bold.
 */
const PLAIN_BOLD = /^\*\*(?![\s*])([^*`[\]<\\\n]*[^\s*`[\]<\\])\*\*(?!\*)/;

const never = () => undefined;

const lexing = new Marked({
  gfm: true,
  tokenizer: {
    // HTML is shown as text, never interpreted. The exception is a line break, also in a table cell.
    html: never,
    tag: readLineBreak,
    // A link definition further down would change links on the screen.
    def: never,
    lheading: (source) => (isUnderlinedHeading(source) ? false : undefined),
    table: (source) => (mayStartTable(source) ? false : undefined),
    blockquote: (source) => (STARTS_TOO_DEEP.test(source) ? undefined : false),
    list(source) {
      if (!STARTS_LIST.test(source)) return false;
      if (STARTS_TOO_DEEP.test(source)) return undefined;
      // The list ends before an item that nests too deep: after a cut this item starts the text, and it must read the same there.
      const end = source.search(BEFORE_DEEP_ITEM) + 1;
      return end === 0 ? false : Tokenizer.prototype.list.call(this, source.slice(0, end));
    },
    // Models write one tilde for "about": "~5% (~10%)".
    del: (source) => (source.startsWith("~~") ? false : undefined),
    emStrong(source, _masked, previous) {
      if (isProduct(source, previous ?? "")) return undefined;
      const [raw, text] = PLAIN_BOLD.exec(source) ?? [];
      if (raw === undefined || text === undefined) return false;
      return { type: "strong", raw, text, tokens: this.lexer.inlineTokens(text) };
    },
  },
});

/** Markdown read as blocks. */
export interface LexedBlocks {
  /** Block tokens without inline tokens. Their `raw` values together are the text. */
  tokens: Token[];
  /** Adds the inline tokens, the more expensive half of the work, except for the block with the content `except`. */
  readInline(except?: Token[]): Token[];
}

export function lexBlocks(markdown: string): LexedBlocks {
  const lexer = new lexing.Lexer(lexing.defaults);
  const tokens = lexer.blockTokens(markdown, []);
  return {
    tokens,
    readInline(except) {
      for (const content of lexer.inlineQueue.splice(0)) {
        if (content.tokens !== except) lexer.inlineTokens(content.src, content.tokens);
      }
      return tokens;
    },
  };
}

/** Block tokens of a text, with inline tokens. */
export function lexMarkdown(markdown: string): Token[] {
  return lexBlocks(markdown).readInline();
}

/** Inline tokens of one block's content. */
export function lexInline(markdown: string): Token[] {
  return lexing.Lexer.lexInline(markdown, lexing.defaults);
}

/** Whether `token` has the given type of `marked`. */
export function isToken<Type extends keyof TokenByType>(token: Token, type: Type): token is TokenByType[Type] {
  return token.type === type;
}

interface TokenByType {
  blockquote: Tokens.Blockquote;
  checkbox: Tokens.Checkbox;
  code: Tokens.Code;
  codespan: Tokens.Codespan;
  heading: Tokens.Heading;
  image: Tokens.Image;
  link: Tokens.Link;
  list: Tokens.List;
  table: Tokens.Table;
}

function readLineBreak(source: string): Tokens.Tag | undefined {
  const [raw] = /^<br ?\/?>/i.exec(source) ?? [];
  return raw === undefined
    ? undefined
    : { type: "html", raw, text: raw, block: false, inLink: false, inRawBlock: false };
}

/** "5*3*2", "2**3" and "x*y*z" are arithmetic. */
function isProduct(source: string, previous: string): boolean {
  return (/\d$/.test(previous) && /^\*+\d/.test(source)) || (/[a-z\d)]$/i.test(previous) && /^\*[^*]/.test(source));
}

function isUnderlinedHeading(source: string): boolean {
  const [line = "", underline = ""] = source.split("\n", 2);
  const isShort = line.length <= MAX_UNDERLINED_HEADING_LENGTH && !line.startsWith(CONTINUATION);
  return isShort && /^ {0,3}(?:=+|-+)[ \t]*$/.test(underline);
}

function mayStartTable(source: string): boolean {
  const [header = ""] = source.slice(0, MAX_HEADER_LENGTH + 1).split("\n", 1);
  return header.length < source.length && mayBeHeader(header) && !source.startsWith(CONTINUATION);
}

/** Whether a line is short and narrow enough for the first row of a table. */
export function mayBeHeader(line: string): boolean {
  return line.length <= MAX_HEADER_LENGTH && line.split("|").length - 1 <= MAX_COLUMNS + 1;
}
