/**
 * Strict schemas of the parameters that several methods share (Bot API 10.3).
 *
 * Only fields that this product might use. All other fields of the Bot API are refused as unknown.
 */
import { z } from "zod";

/** Telegram's ids have at most 52 bits, so a JavaScript number can hold them. */
export const id = z.int();

export const chatId = z.union([id, z.string().regex(/^(?:-?\d+|@\w+)$/, "must be a number or an @username")]);

const span = { offset: z.int(), length: z.int() };

const PLAIN_ENTITY_TYPES = [
  "mention",
  "hashtag",
  "cashtag",
  "bot_command",
  "url",
  "email",
  "phone_number",
  "bold",
  "italic",
  "underline",
  "strikethrough",
  "spoiler",
  "blockquote",
  "expandable_blockquote",
  "code",
] as const;

const user = z.object({ id, is_bot: z.boolean(), first_name: z.string() });

const entity = z.discriminatedUnion("type", [
  z.strictObject({ type: z.enum(PLAIN_ENTITY_TYPES), ...span }),
  z.strictObject({ type: z.literal("pre"), language: z.string().exactOptional(), ...span }),
  z.strictObject({ type: z.literal("text_link"), url: z.url(), ...span }),
  z.strictObject({ type: z.literal("text_mention"), user, ...span }),
  z.strictObject({ type: z.literal("custom_emoji"), custom_emoji_id: z.string(), ...span }),
]);

/** Telegram silently ignores all but the first 100 entities; the stand-in refuses more. */
export const entities = z.array(entity).max(100);

export const parseMode = z.enum(["HTML", "MarkdownV2", "Markdown"]);

export const linkPreviewOptions = z.strictObject({
  is_disabled: z.boolean().exactOptional(),
  url: z.string().exactOptional(),
  prefer_small_media: z.boolean().exactOptional(),
  prefer_large_media: z.boolean().exactOptional(),
  show_above_text: z.boolean().exactOptional(),
});

export const replyParameters = z.strictObject({
  message_id: id,
  chat_id: chatId.optional(),
  allow_sending_without_reply: z.boolean().optional(),
});

const buttonText = z.string().min(1, "button text must not be empty");
const buttonStyle = z.enum(["danger", "success", "primary"]);

const callbackData = z.string().refine((data) => {
  const bytes = Buffer.byteLength(data, "utf8");
  return bytes >= 1 && bytes <= 64;
}, "BUTTON_DATA_INVALID: 1 to 64 bytes");

const inlineButton = z.union([
  z.strictObject({ text: buttonText, callback_data: callbackData, style: buttonStyle.exactOptional() }),
  z.strictObject({ text: buttonText, url: z.url(), style: buttonStyle.exactOptional() }),
]);

export const inlineKeyboard = z.strictObject({ inline_keyboard: z.array(z.array(inlineButton).max(8)).max(100) });

const keyboardButton = z.union([buttonText, z.strictObject({ text: buttonText, style: buttonStyle.exactOptional() })]);

const replyKeyboard = z.strictObject({
  keyboard: z.array(z.array(keyboardButton).min(1)).min(1),
  is_persistent: z.boolean().exactOptional(),
  resize_keyboard: z.boolean().exactOptional(),
  one_time_keyboard: z.boolean().exactOptional(),
  input_field_placeholder: z.string().min(1).max(64).exactOptional(),
  selective: z.boolean().exactOptional(),
});

const keyboardRemoval = z.strictObject({ remove_keyboard: z.literal(true), selective: z.boolean().optional() });

const forceReply = z.strictObject({
  force_reply: z.literal(true),
  input_field_placeholder: z.string().min(1).max(64).optional(),
  selective: z.boolean().optional(),
});

export const replyMarkup = z.union([inlineKeyboard, replyKeyboard, keyboardRemoval, forceReply]);
export type ReplyMarkup = z.infer<typeof replyMarkup>;

/** Two letters of ISO 639-1; empty for all languages without a text of their own. */
export const languageCode = z.string().regex(/^(?:[a-z]{2})?$/, "invalid language code specified");

export const commandScope = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("default") }),
  z.strictObject({ type: z.literal("all_private_chats") }),
  z.strictObject({ type: z.literal("all_group_chats") }),
  z.strictObject({ type: z.literal("all_chat_administrators") }),
  z.strictObject({ type: z.literal("chat"), chat_id: chatId }),
  z.strictObject({ type: z.literal("chat_administrators"), chat_id: chatId }),
  z.strictObject({ type: z.literal("chat_member"), chat_id: chatId, user_id: id }),
]);
export type CommandScope = z.infer<typeof commandScope>;
