/**
 * Checks and normalises text with entities as Telegram does.
 *
 * Offsets and lengths are UTF-16 code units. Follows td/telegram/MessageEntity.cpp of tdlib, on which the Bot API server
 * runs: text is trimmed at both ends, entities are sorted and cut to the remaining text.
 */
import type { MessageEntity } from "@grammyjs/types";
import { badRequest } from "../refusal.ts";
import { findEntities } from "./find-entities.ts";

export interface FormattedText {
  text: string;
  entities: MessageEntity[];
}

/** Maximum length of a message's text after trimming, in UTF-16 code units. */
const MAX_TEXT_LENGTH = 4_096;

/**
 * The text as Telegram would store it, including the commands, mentions and links that Telegram detects. Throws 400 for
 * empty or overlong text, and for an entity that is empty, lies outside the text or splits a surrogate pair.
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

/** True if text and entities are the same. */
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

/** Outer before inner; the type makes the order deterministic. */
function compareEntities(one: MessageEntity, other: MessageEntity): number {
  return one.offset - other.offset || other.length - one.length || one.type.localeCompare(other.type);
}

function trim(text: string, entities: MessageEntity[]): FormattedText {
  const firstEntityAt = entities[0]?.offset ?? text.length;
  // Leading space inside an entity is kept, such as the indentation of a code block.
  const start = Math.min(text.length - text.trimStart().length, firstEntityAt);
  const trimmed = text.slice(start).trimEnd();
  const moved = entities.map((entity) => ({ ...entity, offset: entity.offset - start }));
  const cut = moved.map((entity) => ({ ...entity, length: Math.min(entity.length, trimmed.length - entity.offset) }));
  return { text: trimmed, entities: cut.filter((entity) => isVisible(trimmed, entity)) };
}

function isVisible(text: string, entity: MessageEntity): boolean {
  return entity.length > 0 && text.slice(entity.offset, entity.offset + entity.length).trim() !== "";
}

/** Code has no other formatting: Telegram cuts an overlapping entity to the parts before and after the code. */
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

/** Telegram detects nothing inside code and links, and no entity that was already given. */
function hides(given: MessageEntity, found: MessageEntity): boolean {
  return overlap(given, found) && (OPAQUE_TYPES.has(given.type) || given.type === found.type);
}

const OPAQUE_TYPES: ReadonlySet<string> = new Set(["code", "pre", "text_link", "text_mention", "url", "custom_emoji"]);
