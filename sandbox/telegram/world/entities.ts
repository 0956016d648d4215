/**
 * Text with entities, checked and cleaned the way Telegram does it.
 *
 * Offsets and lengths are UTF-16 units. Follows td/telegram/MessageEntity.cpp of tdlib (what the Bot API server runs):
 * text is trimmed at both ends, entities are sorted and cut to what is left.
 */
import type { MessageEntity } from "@grammyjs/types";
import { badRequest } from "../refusal.ts";
import { findEntities } from "./find-entities.ts";

export interface FormattedText {
  text: string;
  entities: MessageEntity[];
}

/** Longest text of a message after cleaning, in UTF-16 units. */
const MAX_TEXT_LENGTH = 4_096;

/**
 * The text as Telegram would store it, with the commands, mentions and links that it finds by itself.
 * Throws 400 on empty or overlong text, and on an entity that is empty, outside of the text or cuts a character in two.
 */
export function formatText(text: string, entities: readonly MessageEntity[] = []): FormattedText {
  if (text === "") throw badRequest("message text is empty");
  for (const entity of entities) checkEntity(text, entity);
  const trimmed = trim(text, [...entities].sort(compareEntities));
  if (trimmed.text === "") throw badRequest("text must be non-empty");
  if (trimmed.text.length > MAX_TEXT_LENGTH) throw badRequest("message is too long");
  const given = trimmed.entities.flatMap((entity) => cutAroundCode(entity, trimmed.entities));
  const found = findEntities(trimmed.text).filter((entity) => !given.some((other) => hides(other, entity)));
  return { text: trimmed.text, entities: [...given, ...found].sort(compareEntities) };
}

/** Whether a reader would see the same: same text, same entities. */
export function isSameText(one: FormattedText, other: FormattedText): boolean {
  return one.text === other.text && JSON.stringify(one.entities) === JSON.stringify(other.entities);
}

function checkEntity(text: string, entity: MessageEntity): void {
  const end = entity.offset + entity.length;
  if (entity.offset < 0 || entity.length <= 0)
    throw badRequest(`entity "${entity.type}" is empty (the stand-in's rule)`);
  if (entity.offset >= text.length) {
    throw badRequest(`entity begins after the end of the text at UTF-16 offset ${entity.offset}`);
  }
  if (end > text.length) throw badRequest(`entity ends after the end of the text at UTF-16 offset ${end}`);
  if (isInsideCharacter(text, entity.offset)) throw badRequest("entity begins in a middle of a UTF-16 symbol");
  if (isInsideCharacter(text, end)) throw badRequest("entity ends in a middle of a UTF-16 symbol");
}

function isInsideCharacter(text: string, offset: number): boolean {
  const unit = text.charCodeAt(offset);
  return offset > 0 && unit >= 0xdc00 && unit <= 0xdfff;
}

/** Outer before inner; the type only makes the order the same every time. */
function compareEntities(one: MessageEntity, other: MessageEntity): number {
  return one.offset - other.offset || other.length - one.length || one.type.localeCompare(other.type);
}

function trim(text: string, entities: MessageEntity[]): FormattedText {
  const firstEntityAt = entities[0]?.offset ?? text.length;
  // Space that an entity covers at the beginning is meant, such as the indentation of a code block.
  const start = Math.min(text.length - text.trimStart().length, firstEntityAt);
  const kept = text.slice(start).trimEnd();
  const moved = entities.map((entity) => ({ ...entity, offset: entity.offset - start }));
  const cut = moved.map((entity) => ({ ...entity, length: Math.min(entity.length, kept.length - entity.offset) }));
  return { text: kept, entities: cut.filter((entity) => isVisible(kept, entity)) };
}

function isVisible(text: string, entity: MessageEntity): boolean {
  return entity.length > 0 && text.slice(entity.offset, entity.offset + entity.length).trim() !== "";
}

/** Code is nothing but code: of an entity that overlaps it Telegram keeps what lies before and after. */
function cutAroundCode(entity: MessageEntity, all: MessageEntity[]): MessageEntity[] {
  const code = all.find((other) => other !== entity && isCode(other) && !isCode(entity) && overlap(other, entity));
  if (!code) return [entity];
  const end = entity.offset + entity.length;
  const codeEnd = code.offset + code.length;
  const before = { ...entity, length: code.offset - entity.offset };
  const after = { ...entity, offset: codeEnd, length: end - codeEnd };
  return [before, after].filter(({ length }) => length > 0).flatMap((part) => cutAroundCode(part, all));
}

function isCode({ type }: MessageEntity): boolean {
  return type === "code" || type === "pre";
}

function overlap(one: MessageEntity, other: MessageEntity): boolean {
  return one.offset < other.offset + other.length && other.offset < one.offset + one.length;
}

/** Inside code and links Telegram finds nothing, nor the same thing twice. */
function hides(given: MessageEntity, found: MessageEntity): boolean {
  return overlap(given, found) && (OPAQUE_TYPES.has(given.type) || given.type === found.type);
}

const OPAQUE_TYPES: ReadonlySet<string> = new Set(["code", "pre", "text_link", "text_mention", "url", "custom_emoji"]);
