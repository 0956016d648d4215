/**
 * The sandbox: what stands in for Telegram and the model where their credentials are missing, and the demo shop.
 *
 * Each stand-in only where its credential is missing, and each says loudly that it is one. The product does not know of it:
 * it reaches both over HTTP as it would the real ones.
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
import { createSandboxPage, type SandboxPage } from "./telegram/page/page.ts";
import { createTelegramStandIn } from "./telegram/stand-in.ts";

/** A stand-in that was started, and how to end it. */
export interface Started<T> {
  value: T;
  stop(): Promise<void>;
}

export interface SandboxTelegram {
  token: string;
  apiRoot: string;
  proxy: null;
  page: SandboxPage;
  /** Opens the page, as `?key=` of its link. Another one at each start. */
  pageKey: string;
  ownerTelegramId: number;
  /** Lets the barista in as staff: for the demo's own database only. */
  seedStaff(db: Db): Promise<void>;
}

/** These stand above every id that Telegram gives: what is made in the sandbox is worth nothing to a real bot. */
const SANDBOX_BOT_ID = LARGEST_TELEGRAM_ID + 1;
const OWNER = { id: SANDBOX_BOT_ID + 1, first_name: "Lan", language_code: "en" };
const BARISTA = { id: SANDBOX_BOT_ID + 2, first_name: "Minh", language_code: "vi" };
const STRANGER = { id: SANDBOX_BOT_ID + 3, first_name: "Alex", language_code: "en" };

/** Words come at a pace that can be watched. */
const PACING = { firstTokenMs: 250, tokensPerSecond: 60 };

/** A scripted Assistant behind a local stand-in of the Responses API. */
export async function startScriptedModel(): Promise<Started<Model>> {
  const standIn = await createModelStandIn({ answer: createScriptedAssistant(), pacing: PACING });
  return {
    value: createModel({ apiKey: null, baseUrl: standIn.url, name: "scripted-sandbox" }),
    stop: () => standIn.close(),
  };
}

/** A local stand-in of the Bot API, and the page on which one chats with the bot through it. `db` is the bot's database. */
export async function startSandboxTelegram(config: Config, db: Db): Promise<Started<SandboxTelegram>> {
  const token = `${SANDBOX_BOT_ID}:${randomBytes(24).toString("base64url")}`;
  const standIn = await createTelegramStandIn({
    token,
    // Chats outlive the stand-in in the database: numbers must not come twice.
    firstId: await findFreeId(db, SANDBOX_BOT_ID),
  });
  const people = [
    {
      key: "owner",
      label: "Owner",
      person: standIn.person(OWNER),
      hint: `${OWNER.first_name} owns the shop, and may invite and remove people.`,
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
      hint: `${STRANGER.first_name} is not staff: one polite sentence an hour, or an invite link.`,
      suggestions: ["Hello"],
    },
  ];
  for (const { person } of people) standIn.privateChat(person);
  const pageKey = randomBytes(24).toString("base64url");
  const notices = ["This is a local stand-in, not Telegram: set TELEGRAM_BOT_TOKEN for the real one."];
  if (config.model === null)
    notices.push("Answers are scripted: set OPENAI_API_KEY or OPENAI_BASE_URL for a real model.");
  return {
    value: {
      token,
      apiRoot: standIn.apiRoot,
      proxy: null,
      page: createSandboxPage(standIn, { shopName: config.shop.name, people, key: pageKey, notices }),
      pageKey,
      ownerTelegramId: OWNER.id,
      async seedStaff(db) {
        await saveStaffMember(db, {
          telegramUserId: BARISTA.id,
          name: BARISTA.first_name,
          username: null,
          role: "staff",
        });
      },
    },
    stop: () => standIn.close(),
  };
}
