/**
 * Detects entities in a text as Telegram does: commands, mentions, and web links with a scheme.
 *
 * Telegram also detects hashtags, cashtags, e-mail addresses, telephone numbers and domain names without a scheme. They are
 * omitted because nothing here uses them.
 */
import type { MessageEntity } from "@grammyjs/types";

type FoundType = "bot_command" | "mention" | "url";

const PATTERNS: readonly [FoundType, RegExp][] = [
  ["bot_command", /(?<![\w/@<>.])\/\w{1,64}(?:@\w{3,32})?(?![\w/@])/g],
  ["mention", /(?<![\w@/.])@\w{3,32}(?!\w)/g],
  ["url", /(?<!\w)https?:\/\/[^\s<>"']*[^\s<>"'.,:;!?)\]}]/g],
];

/** Ordered by offset, without overlaps. Offsets and lengths are UTF-16 code units. */
export function findEntities(text: string): MessageEntity[] {
  const found: MessageEntity.CommonMessageEntity[] = [];
  for (const [type, pattern] of PATTERNS) {
    for (const match of text.matchAll(pattern)) found.push({ type, offset: match.index, length: match[0].length });
  }
  const inOrder = found.sort((one, other) => one.offset - other.offset || other.length - one.length);
  return inOrder.filter((entity, index) => !inOrder.slice(0, index).some((before) => contains(before, entity)));
}

function contains(outer: MessageEntity, inner: MessageEntity): boolean {
  return outer.offset <= inner.offset && inner.offset < outer.offset + outer.length;
}
