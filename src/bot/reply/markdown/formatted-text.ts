/**
 * Telegram text with entities: append, slice, and normalize, so that Telegram accepts the entities.
 *
 * All offsets and lengths are UTF-16 units, as Telegram counts. It knows nothing of Markdown or pages.
 */
import type { MessageEntity } from "@grammyjs/types";

/** A text and its entities, as `sendMessage` and `editMessageText` take them. */
export interface FormattedText {
  text: string;
  entities: MessageEntity[];
}

/** An entity without its position. */
export type EntityStyle =
  | { type: "bold" | "italic" | "strikethrough" | "blockquote" | "code" | "email" }
  | { type: "pre"; language?: string }
  | { type: "text_link"; url: string };

/** The order of entities with the same range, the outer one first. It is fixed, so that equal texts have equal lists. */
const NESTING_ORDER = ["blockquote", "bold", "italic", "strikethrough", "text_link", "email", "pre", "code"];

/** Telegram ignores further entities of a message. */
const MAX_ENTITIES = 100;

const EMPTY_LINES = /^(?:[ \t]*\n)+/;

export function createFormattedText(): FormattedText {
  return { text: "", entities: [] };
}

/** Runs `write`, which appends to `target`, and adds an entity for what it wrote. */
export function writeStyled(target: FormattedText, style: EntityStyle, write: () => void): void {
  const offset = target.text.length;
  write();
  const length = target.text.length - offset;
  if (length > 0) target.entities.push({ ...style, offset, length });
}

/** Appends `source` to `target` and shifts its entities. */
export function appendFormatted(target: FormattedText, source: FormattedText): void {
  const shift = target.text.length;
  target.text += source.text;
  for (const entity of source.entities) target.entities.push({ ...entity, offset: entity.offset + shift });
}

/** The part from `start` up to `end`; entities are cut at both ends. */
export function sliceFormatted(source: FormattedText, start: number, end: number): FormattedText {
  const entities = source.entities.flatMap((entity) => {
    const from = Math.max(entity.offset, start);
    const to = Math.min(entity.offset + entity.length, end);
    return to > from ? [{ ...entity, offset: from - start, length: to - from }] : [];
  });
  return { text: source.text.slice(start, end), entities };
}

/** Joins the code or the quote that ends at `end` with the one that starts at `start`. */
export function joinFormatted(target: FormattedText, end: number, start: number): void {
  for (const rest of target.entities.filter((entity) => isBlock(entity) && entity.offset === start)) {
    const index = target.entities.findIndex((entity) => entity.type === rest.type && endOf(entity) === end);
    const first = target.entities[index];
    if (first === undefined) continue;
    target.entities[index] = { ...first, length: endOf(rest) - first.offset };
    target.entities.splice(target.entities.indexOf(rest), 1);
  }
}

/** The code block that covers both sides of `index`. */
export function codeAcross(source: FormattedText, index: number): MessageEntity | undefined {
  return source.entities.find((entity) => entity.type === "pre" && entity.offset < index && index < endOf(entity));
}

/** The first entities, as many as Telegram accepts; code blocks and quotes take precedence, as they shape the text. */
export function withinEntityLimit({ text, entities }: FormattedText): FormattedText {
  if (entities.length <= MAX_ENTITIES) return { text, entities };
  const blocks = entities.filter(isBlock);
  const others = entities.filter((entity) => !isBlock(entity));
  const accepted = new Set([...blocks, ...others].slice(0, MAX_ENTITIES));
  return { text, entities: entities.filter((entity) => accepted.has(entity)) };
}

/** Whether an entity of type `pre` covers the unit at `index`. */
export function isPreformattedAt(source: FormattedText, index: number): boolean {
  return source.entities.some((entity) => entity.type === "pre" && entity.offset <= index && index < endOf(entity));
}

/**
 * The text without empty lines at the start and whitespace at the end, and with the entities that Telegram requires: inside
 * the text, without whitespace at their ends, no `code` or `pre` inside anything but a quote, no type inside itself, sorted.
 */
export function tidyFormatted(source: FormattedText): FormattedText {
  const emptyLines = EMPTY_LINES.exec(source.text)?.[0].length ?? 0;
  const { text, entities } = sliceFormatted(source, emptyLines, source.text.trimEnd().length);
  const trimmed = entities.flatMap((entity) => trimEntity(text, entity));
  const monospaced = trimmed.filter(isMonospaced);
  const apart = trimmed.flatMap((entity) =>
    isMonospaced(entity) || entity.type === "blockquote" ? [entity] : subtract(text, entity, monospaced),
  );
  return { text, entities: withoutRepeats(apart.sort(compareEntities)) };
}

/** Entities that Telegram shows as blocks, on lines of their own. */
function isBlock({ type }: MessageEntity): boolean {
  return type === "pre" || type === "blockquote";
}

function endOf(entity: MessageEntity): number {
  return entity.offset + entity.length;
}

function isMonospaced(entity: MessageEntity): boolean {
  return entity.type === "code" || entity.type === "pre";
}

function trimEntity(text: string, entity: MessageEntity): MessageEntity[] {
  const content = text.slice(entity.offset, endOf(entity)).trimEnd();
  // The first line of a code block keeps its indentation, also in a quote: Telegram does not trim inside an entity.
  const trimmed = isBlock(entity) ? content.replace(EMPTY_LINES, "") : content.trimStart();
  if (trimmed === "") return [];
  return [{ ...entity, offset: entity.offset + content.length - trimmed.length, length: trimmed.length }];
}

function subtract(text: string, entity: MessageEntity, holes: MessageEntity[]): MessageEntity[] {
  let pieces = [entity];
  for (const hole of holes) {
    if (hole.offset >= endOf(entity) || endOf(hole) <= entity.offset) continue;
    pieces = pieces.flatMap((piece) => cutHole(piece, hole));
  }
  return pieces.flatMap((piece) => trimEntity(text, piece));
}

function cutHole(entity: MessageEntity, hole: MessageEntity): MessageEntity[] {
  const before = { ...entity, length: Math.min(endOf(entity), hole.offset) - entity.offset };
  const offset = Math.max(entity.offset, endOf(hole));
  return [before, { ...entity, offset, length: endOf(entity) - offset }].filter((piece) => piece.length > 0);
}

function compareEntities(a: MessageEntity, b: MessageEntity): number {
  return a.offset - b.offset || b.length - a.length || NESTING_ORDER.indexOf(a.type) - NESTING_ORDER.indexOf(b.type);
}

/** Removes entities inside another one of the same type; `sorted` has the outer one first. */
function withoutRepeats(sorted: MessageEntity[]): MessageEntity[] {
  const reached = new Map<string, number>();
  return sorted.filter((entity) => {
    const isInside = endOf(entity) <= (reached.get(entity.type) ?? 0);
    if (!isInside) reached.set(entity.type, endOf(entity));
    return !isInside;
  });
}
