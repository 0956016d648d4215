/**
 * What a bot says about itself: its commands per scope and language, its name and its descriptions.
 */
import type { BotCommand } from "@grammyjs/types";
import type { CommandScope } from "../methods/parameters.ts";

/** Texts about the bot, each per language. */
export type ProfileField = "name" | "description" | "short_description";

export interface CommandBook {
  set(scope: CommandScope | undefined, language: string | undefined, commands: BotCommand[]): void;
  /** Exactly what was set for this scope and language, as getMyCommands answers it. */
  get(scope: CommandScope | undefined, language: string | undefined): BotCommand[];
  /** What a person sees in a private chat: the narrowest scope wins, then the person's language. */
  visibleIn(privateChatId: number, language: string | undefined): BotCommand[];
  setProfile(field: ProfileField, language: string | undefined, text: string): void;
  profile(field: ProfileField, language: string | undefined): string;
}

export function createCommandBook(): CommandBook {
  const lists = new Map<string, BotCommand[]>();
  const texts = new Map<string, string>();
  const get = (scope: CommandScope, language = "") => lists.get(`${JSON.stringify(scope)} ${language}`) ?? [];
  return {
    set: (scope = { type: "default" }, language = "", commands) => {
      lists.set(`${JSON.stringify(scope)} ${language}`, commands);
    },
    get: (scope = { type: "default" }, language) => get(scope, language),
    visibleIn(privateChatId, language) {
      const scopes: CommandScope[] = [
        { type: "chat", chat_id: privateChatId },
        { type: "all_private_chats" },
        { type: "default" },
      ];
      const candidates = scopes.flatMap((scope) => [get(scope, language), get(scope)]);
      return candidates.find((commands) => commands.length > 0) ?? [];
    },
    setProfile: (field, language = "", text) => void texts.set(`${field} ${language}`, text),
    profile: (field, language = "") => texts.get(`${field} ${language}`) ?? texts.get(`${field} `) ?? "",
  };
}
