/**
 * Inline Markdown tokens (emphasis, code, links, line breaks) as Telegram text and entities.
 *
 * A link always shows its address, because an answer may quote injected text.
 */
import type { Token, Tokens } from "marked";
import { type EntityStyle, type FormattedText, writeStyled } from "./formatted-text.ts";
import { isToken } from "./lexer.ts";
import { cleanSource, decodeReferences } from "./source.ts";

/** A host that Telegram accepts in a `text_link`: it refuses the whole message for a host without a dot. */
const LINKABLE_HOST = /^(?:[a-z\d](?:[a-z\d-]*[a-z\d])?\.)+[a-z\d-]*[a-z\d]$/;
const LINKABLE_TG_ADDRESS = /^tg:\/\/[a-z_]+(?:\?[\w=&%.+-]*)?$/i;
const MAIL_ADDRESS = /^mailto:([^\s@?]+@[^\s@?]+)$/i;

const STYLES: Partial<Record<string, EntityStyle>> = {
  strong: { type: "bold" },
  em: { type: "italic" },
  del: { type: "strikethrough" },
};

/** Appends inline `tokens` to `target`; every line after the first starts with `indent`. */
export function writeInline(target: FormattedText, tokens: Token[], indent: string): void {
  for (const [index, token] of tokens.entries()) {
    const startsLine = target.text === "" || isLineBreak(tokens[index - 1]);
    // Inside a block, the indentation of a source line has no meaning.
    const isIndented = startsLine && token.type === "text" && /^[ \t]/.test(token.raw);
    writeToken(target, isIndented ? { ...token, raw: token.raw.trimStart() } : token, indent);
  }
}

/** The plain text on one line, for a table cell. */
export function plainInline(tokens: Token[]): string {
  const target: FormattedText = { text: "", entities: [] };
  writeInline(target, tokens, "");
  return target.text.replaceAll("\n", " ").trim();
}

function writeToken(target: FormattedText, token: Token, indent: string): void {
  const style = STYLES[token.type];
  if (style !== undefined) {
    writeStyled(target, style, () => writeInline(target, childrenOf(token), indent));
  } else if (isToken(token, "link") || isToken(token, "image")) {
    writeLink(target, token, indent);
  } else if (isToken(token, "codespan")) {
    writeStyled(target, { type: "code" }, () => {
      target.text += token.text;
    });
  } else if (isLineBreak(token)) {
    target.text += `\n${indent}`;
  } else if (token.type === "escape") {
    writeText(target, textOf(token), indent);
  } else if (!isToken(token, "checkbox")) {
    // Not `text`: marked has already decoded some references there, including control characters.
    writeText(target, decodeReferences(token.raw), indent);
  }
}

/** `<br>` is the only HTML that is interpreted. */
function isLineBreak(token: Token | undefined): boolean {
  return token?.type === "br" || token?.type === "html";
}

function childrenOf(token: Token): Token[] {
  return "tokens" in token ? (token.tokens ?? []) : [];
}

function textOf(token: Token): string {
  return "text" in token && typeof token.text === "string" ? token.text : token.raw;
}

function writeText(target: FormattedText, text: string, indent: string): void {
  target.text += text.replace(/\n[ \t]*/g, `\n${indent}`);
}

function writeLink(target: FormattedText, link: Tokens.Link | Tokens.Image, indent: string): void {
  const isLiteral = link.type === "link" && link.autolink === true;
  const address = isLiteral ? link.href : cleanSource(decodeReferences(link.href));
  const style = linkStyle(address);
  const start = target.text.length;
  const writeLabel = () => writeInline(target, link.tokens, indent);
  if (isLiteral) {
    writeAddress(target, link.text, style);
    return;
  }
  if (isSameAddress(decodeReferences(link.text), address)) {
    writeAddress(target, decodeReferences(link.text), style);
    return;
  }
  writeLabel();
  const hasLabel = target.text.length > start;
  if (address === "") return;
  if (hasLabel) target.text += " (";
  writeAddress(target, showAddress(address), style);
  if (hasLabel) target.text += ")";
}

function writeAddress(target: FormattedText, shown: string, style: EntityStyle | undefined): void {
  const write = () => {
    target.text += shown;
  };
  if (style === undefined) write();
  else writeStyled(target, style, write);
}

/** The entity for an address; undefined if Telegram could refuse the message for it, or for other schemes. */
function linkStyle(address: string): EntityStyle | undefined {
  if (MAIL_ADDRESS.test(address)) return { type: "email" };
  if (LINKABLE_TG_ADDRESS.test(address)) return { type: "text_link", url: address };
  if (!/^https?:\/\//i.test(address) || !URL.canParse(address)) return undefined;
  const url = new URL(address);
  // "https://bank.example@evil.example" leads to evil.example.
  const isPlain = url.username === "" && url.password === "" && LINKABLE_HOST.test(url.hostname);
  return isPlain ? { type: "text_link", url: /^[!-~]+$/.test(address) ? address : url.href } : undefined;
}

/** Encodes invisible characters and those that would end the address. */
function showAddress(address: string): string {
  return (MAIL_ADDRESS.exec(address)?.[1] ?? address).replace(/[\p{C}\p{Z}]/gu, encodeURIComponent);
}

function isSameAddress(label: string, address: string): boolean {
  return /\S/.test(label) && withoutScheme(label) === withoutScheme(address);
}

function withoutScheme(address: string): string {
  return address.replace(/^(?:https?:\/\/|mailto:)/i, "").replace(/\/$/, "");
}
