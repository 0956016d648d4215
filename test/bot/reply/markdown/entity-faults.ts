/** Finds what Telegram would refuse, drop or misread in a text with entities. */
import type { MessageEntity } from "@grammyjs/types";
import type { FormattedText } from "../../../../src/bot/reply/markdown/formatted-text.ts";

const STYLES = ["bold", "italic", "strikethrough"];

/** Every fault of a message, in words; none if Telegram accepts it as it is. */
export function findEntityFaults({ text, entities }: FormattedText): string[] {
  return [
    ...(text.isWellFormed() ? [] : ["a lone surrogate"]),
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the expression matches control characters on purpose
    ...(/[\0-\x08\x0b-\x1f\x7f-\x9f]/.test(text) ? ["a control character"] : []),
    ...(/^[ \t]*\n/.test(text) ? ["a blank line at the start"] : []),
    ...(entities.length <= 100 ? [] : ["more entities than Telegram reads"]),
    ...(text === text.trimEnd() ? [] : ["whitespace at the end"]),
    ...entities.flatMap((entity) => rangeFaults(text, entity)),
    ...entities.flatMap((entity, index) => entities.slice(index + 1).flatMap((other) => pairFaults(entity, other))),
  ];
}

function rangeFaults(text: string, entity: MessageEntity): string[] {
  const { offset, length, type } = entity;
  const content = text.slice(offset, offset + length);
  const faults: string[] = [];
  if (length < 1 || offset < 0 || offset + length > text.length) faults.push("outside the text");
  if (!content.isWellFormed()) faults.push("cuts a surrogate pair");
  if (content.trim() === "") faults.push("blank");
  if (content !== content.trimEnd()) faults.push("whitespace at its end");
  // A quote may start with an indented line of code.
  if (type !== "pre" && type !== "blockquote" && content !== content.trimStart())
    faults.push("whitespace at its start");
  if (type === "text_link" && !/^(?:https?:\/\/[^/@]+\.|tg:)/.test(entity.url)) faults.push(`address ${entity.url}`);
  return faults.map((fault) => `${type} ${offset}+${length}: ${fault}`);
}

function pairFaults(first: MessageEntity, second: MessageEntity): string[] {
  const where = `${first.type} ${first.offset}+${first.length}, ${second.type} ${second.offset}+${second.length}`;
  const [firstEnd, secondEnd] = [first.offset + first.length, second.offset + second.length];
  if (second.offset < first.offset || (second.offset === first.offset && secondEnd > firstEnd)) {
    return [`${where}: not in order`];
  }
  if (second.offset >= firstEnd) return [];
  if (secondEnd > firstEnd) return [`${where}: overlap without nesting`];
  if (first.type === "code" || first.type === "pre") return [`${where}: inside ${first.type}`];
  if (first.type === second.type) return [`${where}: inside its own type`];
  const isMonospaced = second.type === "code" || second.type === "pre";
  if (isMonospaced && first.type !== "blockquote") return [`${where}: code inside ${first.type}`];
  const isAllowed = STYLES.includes(second.type) || STYLES.includes(first.type) || first.type === "blockquote";
  return isAllowed ? [] : [`${where}: must not nest`];
}
