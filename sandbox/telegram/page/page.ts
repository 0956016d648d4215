/**
 * The sandbox's web page: a small chat in which the visitor writes as the owner, a barista or a stranger.
 *
 * Owns all paths under /sandbox. The product's HTTP server mounts it. It keeps no state of its own and reaches the bot only
 * through the stand-in, as Telegram would.
 */
import { readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { User } from "@grammyjs/types";
import { z } from "zod";
import { createRateLimiter, networkOf, REFUSAL_LIMIT } from "../../../src/process/rate-limiter.ts";
import { TelegramRefusal } from "../refusal.ts";
import type { TelegramStandIn } from "../stand-in.ts";
import { UserActionError } from "../world/user-action-error.ts";
import { streamEvents } from "./page-events.ts";
import { createPageKey, findRefusal, type PageKey, type PageRefusal, readJson } from "./page-guards.ts";
import type { ViewedChat } from "./page-view.ts";

export interface SandboxPerson {
  /** Identifies the chat in URLs, such as "owner". */
  key: string;
  /** The tab's label, such as "Owner". */
  label: string;
  person: User;
  /** One line about what this person may do. */
  hint?: string;
  /** Messages to try, shown while the chat is empty. */
  suggestions?: string[];
}

export interface SandboxPageOptions {
  shopName: string;
  people: SandboxPerson[];
  /** The secret that opens the page; it must be a valid cookie value. */
  key: string;
  /** Notes for the visitor, such as "Answers are scripted". */
  notices: string[];
}

/**
 * Handles paths under /sandbox and returns true; for any other path it returns false and does nothing. `path` is the
 * request's path, not decoded and without the query. `trust` is called for a request with the key.
 */
export type SandboxPage = (
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  trust?: () => void,
) => boolean | Promise<boolean>;

export function createSandboxPage(standIn: TelegramStandIn, options: SandboxPageOptions): SandboxPage {
  const people = new Map(options.people.map((person) => [person.key, person]));
  const key = createPageKey(options.key);
  const failedAttempts = createRateLimiter(REFUSAL_LIMIT, () => performance.now() / 1_000);
  return (request, response, path, trust) => {
    if (path !== "/sandbox" && !path.startsWith("/sandbox/")) return false;
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    const keyRefusal = findKeyRefusal(request, path, key);
    const refusal = findRefusal(request) ?? keyRefusal;
    if (keyRefusal && refusal && failedAttempts.take(networkOf(request.socket.remoteAddress)) > 0) refusal.status = 429;
    if (!keyRefusal) trust?.();
    if (refusal) {
      refuse(response, refusal);
      return true;
    }
    if (key.isInLink(request)) response.setHeader("set-cookie", key.cookieFor(request));
    return serve({ request, response, path, standIn, options, people }).then(() => true);
  };
}

/** Only the page itself accepts the key of the link; all other requests need the cookie. */
function findKeyRefusal(request: IncomingMessage, path: string, key: PageKey): PageRefusal | undefined {
  if (key.isInCookie(request) || (path === "/sandbox" && key.isInLink(request))) return undefined;
  return { status: 401, error: "open the sandbox with the link after 'chat with the bot' in its log" };
}

interface Visit {
  request: IncomingMessage;
  response: ServerResponse;
  path: string;
  standIn: TelegramStandIn;
  options: SandboxPageOptions;
  people: ReadonlyMap<string, SandboxPerson>;
}

async function serve(visit: Visit): Promise<void> {
  const action = visit.request.method === "GET" ? GETS.get(visit.path) : POSTS.get(visit.path);
  if (!action) return refuse(visit.response, { status: 404, error: "not found" });
  await action(visit);
}

const SECURITY_HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-frame-options": "DENY",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "cache-control": "no-store",
};

type Action = (visit: Visit) => void | Promise<void>;

const GETS: ReadonlyMap<string, Action> = new Map([
  ["/sandbox", sendFile("index.html", "text/html")],
  ...["page.css", "chat.css", "composer.css"].map((name) => [`/sandbox/${name}`, sendFile(name, "text/css")] as const),
  ...["page.js", "client.js", "message.js", "dom.js"].map(
    (name) => [`/sandbox/${name}`, sendFile(name, "text/javascript")] as const,
  ),
  ["/sandbox/setup", sendSetup],
  ["/sandbox/events", sendEvents],
]);

const sendInput = z.strictObject({ chat: z.string(), text: z.string() });
const pressInput = z.strictObject({ chat: z.string(), messageId: z.int(), data: z.string() });

const POSTS: ReadonlyMap<string, Action> = new Map([
  ["/sandbox/send", act(sendInput, ({ chat }, { text }) => ({ messageId: chat.send(text).message_id }))],
  [
    "/sandbox/press",
    act(pressInput, ({ chat }, { messageId, data }) => ({ queryId: chat.press({ message_id: messageId }, data).id })),
  ],
]);

function sendFile(name: string, type: string): Action {
  return async ({ response }) => {
    const content = await readFile(new URL(`./files/${name}`, import.meta.url));
    response.writeHead(200, { "content-type": `${type}; charset=utf-8` }).end(content);
  };
}

function sendSetup({ response, options, standIn }: Visit): void {
  const people = options.people.map(({ key, label, hint = "", suggestions = [], person }) => {
    return { key, label, hint, suggestions, name: person.first_name };
  });
  const bot = { name: standIn.bot.first_name, username: standIn.bot.username };
  sendJson(response, 200, { shopName: options.shopName, notices: options.notices, people, bot });
}

function sendEvents(visit: Visit): void {
  const query = new URLSearchParams(visit.request.url?.split("?")[1]);
  const viewed = findChat(visit, query.get("chat") ?? "");
  if (!viewed) refuse(visit.response, UNKNOWN_CHAT);
  else streamEvents(visit.response, visit.standIn, viewed);
}

const UNKNOWN_CHAT: PageRefusal = { status: 404, error: "no such chat" };

/** A POST: validates the body with `schema`, then calls `perform` for the chat that it names. */
function act<T extends { chat: string }>(
  schema: z.ZodType<T>,
  perform: (viewed: ViewedChat, input: T) => object,
): Action {
  return async (visit) => {
    const body = await readJson(visit.request);
    if ("error" in body) return refuse(visit.response, body);
    const input = schema.safeParse(body.value);
    if (!input.success) return refuse(visit.response, { status: 400, error: z.prettifyError(input.error) });
    const viewed = findChat(visit, input.data.chat);
    if (!viewed) return refuse(visit.response, UNKNOWN_CHAT);
    try {
      sendJson(visit.response, 200, perform(viewed, input.data));
    } catch (error) {
      if (!(error instanceof UserActionError || error instanceof TelegramRefusal)) throw error;
      refuse(visit.response, { status: 409, error: error.message });
    }
  };
}

function findChat({ people, standIn }: Visit, key: string): ViewedChat | undefined {
  const person = people.get(key)?.person;
  if (!person) return undefined;
  const commands = () => standIn.commandsFor(person);
  return { chat: standIn.privateChat(person), botId: standIn.bot.id, commands };
}

function refuse(response: ServerResponse, { status, error }: PageRefusal): void {
  // The rest of an unread body would be parsed as the next request.
  response.setHeader("connection", "close");
  sendJson(response, status, { error });
}

function sendJson(response: ServerResponse, status: number, value: object): void {
  response.writeHead(status, { "content-type": "application/json; charset=utf-8" }).end(JSON.stringify(value));
}
