/**
 * The sandbox: local stand-ins for Telegram and the model, and the demo shop.
 *
 * A stand-in starts only where its credential is missing, and each one says clearly that it is not the real service. The
 * product does not know of them: it calls both over HTTP, as it calls the real services.
 */
import { randomBytes } from "node:crypto";
import { createModel, type Model } from "../src/assistant/model/model.ts";
import type { Config } from "../src/config.ts";
import type { Db } from "../src/db/client.ts";
import { findFreeId } from "../src/db/queries/chat/sandbox-ids.ts";
import { saveStaffMember } from "../src/db/queries/chat/staff.ts";
import { LARGEST_TELEGRAM_ID } from "../src/shop/telegram-ids.ts";
import { createModelStandIn } from "./model/model-stand-in.ts";
import { createScriptedAssistant } from "./model/scripted-assistant.ts";
import { createSandboxPage, type SandboxPage, type SandboxPerson } from "./telegram/page/page.ts";
import { createTelegramStandIn, type TelegramStandIn } from "./telegram/stand-in.ts";

/** A running stand-in, and how to stop it. */
export interface Started<T> {
  value: T;
  stop(): Promise<void>;
}

export interface SandboxTelegram {
  token: string;
  apiRoot: string;
  proxy: null;
  page: SandboxPage;
  /** Opens the page, as `?key=` of its link. A new one at each start. */
  pageKey: string;
  ownerTelegramId: number;
  /** Adds the barista as staff. For the demo's own database only. */
  seedStaff(db: Db): Promise<void>;
}

/** Above every id that Telegram assigns: nothing created in the sandbox has any meaning to a real bot. */
const SANDBOX_BOT_ID = LARGEST_TELEGRAM_ID + 1;
const OWNER = { id: SANDBOX_BOT_ID + 1, first_name: "Lan", language_code: "en" };
const BARISTA = { id: SANDBOX_BOT_ID + 2, first_name: "Minh", language_code: "vi" };
const STRANGER = { id: SANDBOX_BOT_ID + 3, first_name: "Alex", language_code: "en" };

/** Slow enough that a person sees the answer grow. */
const PACING = { firstTokenMs: 250, tokensPerSecond: 60 };

/** Starts the scripted Assistant behind a local stand-in for the Responses API. */
export async function startScriptedModel(): Promise<Started<Model>> {
  const standIn = await createModelStandIn({ answer: createScriptedAssistant(), pacing: PACING });
  return {
    value: createModel({ apiKey: null, baseUrl: standIn.url, name: "scripted-sandbox" }),
    stop: () => standIn.close(),
  };
}

/** Starts a local stand-in for the Bot API, and the page on which people chat with the bot. `db` is the bot's database. */
export async function startSandboxTelegram(config: Config, db: Db): Promise<Started<SandboxTelegram>> {
  const token = `${SANDBOX_BOT_ID}:${randomBytes(24).toString("base64url")}`;
  const standIn = await createTelegramStandIn({
    token,
    // The database keeps chats longer than the stand-in lives: no id may be used twice.
    firstId: await findFreeId(db, SANDBOX_BOT_ID),
  });
  const people = createPeople(standIn);
  for (const { person } of people) standIn.privateChat(person);
  const pageKey = randomBytes(24).toString("base64url");
  const { name: shopName } = config.shop;
  return {
    value: {
      token,
      apiRoot: standIn.apiRoot,
      proxy: null,
      page: createSandboxPage(standIn, { shopName, people, key: pageKey, notices: noticesFor(config) }),
      pageKey,
      ownerTelegramId: OWNER.id,
      seedStaff,
    },
    stop: () => standIn.close(),
  };
}

function createPeople(standIn: TelegramStandIn): SandboxPerson[] {
  return [
    {
      key: "owner",
      label: "Owner",
      person: standIn.person(OWNER),
      hint: `${OWNER.first_name} owns the shop and can invite and remove people.`,
      suggestions: ["/start", "What's running out?", "How did we do yesterday?"],
    },
    {
      key: "barista",
      label: "Barista",
      person: standIn.person(BARISTA),
      hint: `${BARISTA.first_name} works at the counter, with Telegram set to Vietnamese.`,
      suggestions: ["/start", "Món nào sắp hết?", "Hôm qua bán thế nào?"],
    },
    {
      key: "stranger",
      label: "Stranger",
      person: standIn.person(STRANGER),
      hint: `${STRANGER.first_name} is not staff: the bot replies politely once an hour, or accepts an invite link.`,
      suggestions: ["Hello"],
    },
  ];
}

function noticesFor({ model }: Config): string[] {
  const notices = ["This is a local stand-in, not Telegram. Set TELEGRAM_BOT_TOKEN to use the real Telegram."];
  if (model === null) notices.push("Answers are scripted. Set OPENAI_API_KEY or OPENAI_BASE_URL to use a real model.");
  return notices;
}

async function seedStaff(db: Db): Promise<void> {
  const { id: telegramUserId, first_name: name } = BARISTA;
  await saveStaffMember(db, { telegramUserId, name, username: null, role: "staff" });
}
