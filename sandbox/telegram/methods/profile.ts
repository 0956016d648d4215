/** getMe, and the methods for the bot's commands, name and descriptions. */
import { z } from "zod";
import type { ProfileField } from "../world/bot-profile.ts";
import { defineMethod, type Method } from "./method.ts";
import * as p from "./parameters.ts";

const audience = { scope: p.commandScope.optional(), language_code: p.languageCode.optional() };

const command = z.strictObject({
  command: z.string().regex(/^[a-z0-9_]{1,32}$/, "BOT_COMMAND_INVALID: 1 to 32 of a-z, 0-9 and _"),
  description: z.string().min(1).max(256, "BOT_COMMAND_DESCRIPTION_INVALID: 1 to 256 characters"),
});

export const getMe = defineMethod({
  name: "getMe",
  parameters: {},
  execute: (_params, { world }) => world.bot,
});

export const setMyCommands = defineMethod({
  name: "setMyCommands",
  parameters: { ...audience, commands: z.array(command).max(100, "BOT_COMMANDS_TOO_MUCH: at most 100") },
  execute({ commands, scope, language_code }, { profile, emit, world }) {
    profile.setCommands(scope, language_code, commands);
    emit({ kind: "commands-set", atMs: world.now() });
    return true;
  },
});

export const getMyCommands = defineMethod({
  name: "getMyCommands",
  parameters: audience,
  execute: ({ scope, language_code }, { profile }) => profile.commands(scope, language_code),
});

export const deleteMyCommands = defineMethod({
  name: "deleteMyCommands",
  parameters: audience,
  execute({ scope, language_code }, { profile, emit, world }) {
    profile.setCommands(scope, language_code, []);
    emit({ kind: "commands-set", atMs: world.now() });
    return true;
  },
});

/** setMyName, getMyName and so on, with the maximum length of each text. */
export const profileMethods: readonly Method[] = [
  ...profileField("name", "Name", 64),
  ...profileField("description", "Description", 512),
  ...profileField("short_description", "ShortDescription", 120),
];

function profileField(field: ProfileField, suffix: string, maxLength: number): Method[] {
  const language = { language_code: p.languageCode.optional() };
  const set = defineMethod({
    name: `setMy${suffix}`,
    parameters: { ...language, [field]: z.string().max(maxLength).optional() },
    execute(params, { profile }) {
      const values: Record<string, unknown> = params;
      profile.setText(field, params.language_code, String(values[field] ?? ""));
      return true;
    },
  });
  const get = defineMethod({
    name: `getMy${suffix}`,
    parameters: language,
    execute: (params, { profile }) => ({ [field]: profile.text(field, params.language_code) }),
  });
  return [set, get];
}
