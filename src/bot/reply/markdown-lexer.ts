/**
 * Markdown into the tokens of `marked`: CommonMark and GFM, with the few departures that a streamed chat message needs.
 *
 * The departures keep what is already shown from changing when more text comes, and keep figures as they were written.
 * It knows nothing of Telegram.
 */
import { Marked, type Token, type Tokens } from "marked";

/** The longest line that an underline of `---` or `===` can turn into a heading; a long paragraph must not change its look late. */
const MAX_UNDERLINED_HEADING_LENGTH = 100;

/** How deep lists and quotes may nest. `marked` recurses, and a line of a thousand `>` must not end a reply. */
const MAX_NESTING = 100;

const NESTING_MARKERS = new RegExp(`^(?:[ \\t]*(?:>|[-*+](?=[ \\t])|\\d{1,9}[.)](?=[ \\t]))){${MAX_NESTING},}`, "gm");

const never = () => undefined;

const lexing = new Marked({
  gfm: true,
  tokenizer: {
    // HTML is text like any other: shown, never interpreted.
    html: never,
    tag: never,
    // A definition further down would change links that are already shown.
    def: never,
    lheading: (source) => (isUnderlinedHeading(source) ? false : undefined),
    // One tilde means "about" in what models write: "~5% (~10%)".
    del: (source) => (source.startsWith("~~") ? false : undefined),
    // "5*3*2" is arithmetic.
    emStrong: (source, _masked, previous) => (/\d$/.test(previous ?? "") && /^\*+\d/.test(source) ? undefined : false),
  },
});

/** Block tokens of a whole text, each with its inline tokens. */
export function lexMarkdown(markdown: string): Token[] {
  return lexing.lexer(markdown.replace(NESTING_MARKERS, escapeMarkers));
}

/** Inline tokens of the content of one block. */
export function lexInline(markdown: string): Token[] {
  return lexing.Lexer.lexInline(markdown, lexing.defaults);
}

/** Whether `token` is one that `marked` itself makes, of the given type. */
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

function isUnderlinedHeading(source: string): boolean {
  const [line = "", underline = ""] = source.split("\n", 2);
  return line.length <= MAX_UNDERLINED_HEADING_LENGTH && /^ {0,3}(?:=+|-+)[ \t]*$/.test(underline);
}

function escapeMarkers(markers: string): string {
  return markers.replace(/[>*+.)-]/g, "\\$&");
}
