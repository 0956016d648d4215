/** The bot's profile: its commands per scope and language, its name and its descriptions. */
import type { BotCommand } from "@grammyjs/types";
import type { CommandScope } from "../methods/parameters.ts";

/** The bot's texts; each may differ by language. */
export type ProfileField = "name" | "description" | "short_description";

export interface BotProfile {
  setCommands(scope: CommandScope | undefined, language: string | undefined, commands: BotCommand[]): void;
  /** The commands that were set for exactly this scope and language, as getMyCommands returns them. */
  commands(scope: CommandScope | undefined, language: string | undefined): BotCommand[];
  /** The commands that a person sees in a private chat: the narrowest scope wins, then the person's language. */
  visibleCommands(privateChatId: number, language: string | undefined): BotCommand[];
  setText(field: ProfileField, language: string | undefined, text: string): void;
  text(field: ProfileField, language: string | undefined): string;
}

export function createBotProfile(): BotProfile {
  const lists = new Map<string, BotCommand[]>();
  const texts = new Map<string, string>();
  const get = (scope: CommandScope, language = "") => lists.get(`${JSON.stringify(scope)} ${language}`) ?? [];
  return {
    setCommands: (scope = { type: "default" }, language = "", commands) => {
      lists.set(`${JSON.stringify(scope)} ${language}`, commands);
    },
    commands: (scope = { type: "default" }, language) => get(scope, language),
    visibleCommands(privateChatId, language) {
      const scopes: CommandScope[] = [
        { type: "chat", chat_id: privateChatId },
        { type: "all_private_chats" },
        { type: "default" },
      ];
      const candidates = scopes.flatMap((scope) => [get(scope, language), get(scope)]);
      return candidates.find((commands) => commands.length > 0) ?? [];
    },
    setText: (field, language = "", text) => void texts.set(`${field} ${language}`, text),
    text: (field, language = "") => texts.get(`${field} ${language}`) ?? texts.get(`${field} `) ?? "",
  };
}
