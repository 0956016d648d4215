import { afterEach, describe, expect, test } from "vitest";
import { says, scripted } from "../../sandbox/model/script.ts";
import type { StandInChat } from "../../sandbox/telegram/world/chat.ts";
import type { ModelFault } from "../../src/assistant/model/model.ts";
import { finalReply, pickLanguage, textsIn } from "../../src/bot/texts.ts";
import { startTestApp, type TestApp } from "../support/app.ts";
import { inviteFrom } from "./bot-support.ts";

const english = textsIn("en");
const vietnamese = textsIn("vi");

/** Every fault of the model (the compiler checks that none is missing), and those of the run loop. */
const MODEL_FAULTS = {
  MODEL_UNREACHABLE: true,
  MODEL_UNAVAILABLE: true,
  MODEL_RATE_LIMITED: true,
  MODEL_QUOTA: true,
  MODEL_REFUSED_KEY: true,
  MODEL_REFUSED_REQUEST: true,
  MODEL_FAILED: true,
  MODEL_STREAM_BROKEN: true,
  MODEL_SILENT: true,
  MODEL_TIMEOUT: true,
  MODEL_TOO_LONG: true,
  MODEL_INPUT_TOO_LONG: true,
  MODEL_TOOLS_AS_TEXT: true,
  MODEL_CIRCUIT_OPEN: true,
} satisfies Record<ModelFault, true>;
const RUN_FAULTS = ["MODEL_CUT_SHORT", "MODEL_EMPTY", "TOO_MANY_ROUNDS", "TOO_MANY_ATTEMPTS"];

test("both languages have the same sentences, none of them empty", () => {
  const [one, other] = [leaves(english), leaves(vietnamese)];

  expect(Object.keys(other)).toEqual(Object.keys(one));
  expect(Object.entries({ ...one, ...other }).filter(([, text]) => text.trim() === "")).toEqual([]);
});

test.each(["constructor", "toString", "hasOwnProperty", "__proto__"])(
  "an error code called %s gets the general sentence",
  (errorCode) => {
    const outcome = { status: "failed", errorCode, errorMessage: "?" } as const;

    expect(finalReply("en", outcome, "")).toBe(english.faults.INTERNAL);
  },
);

test("no Vietnamese sentence equals the English one", () => {
  const [one, other] = [leaves(english), leaves(vietnamese)];

  // It consists only of its parameter.
  const same = Object.keys(one).filter((key) => key !== "checking" && one[key] === other[key]);

  expect(same).toEqual([]);
});

test("sentences with a parameter contain it", () => {
  for (const texts of [english, vietnamese]) {
    const given = Object.entries(texts).flatMap(([key, value]) =>
      typeof value === "function" ? [[key, call(value)] as const] : [],
    );
    expect(given.length).toBeGreaterThan(5);
    for (const [key, text] of given) expect(text, key).toContain("«1»");
  }
});

test("every fault of the model and of a run has its own sentence in both languages", () => {
  for (const language of ["en", "vi"]) {
    const unknown = reply(language, "NEVER_HEARD_OF");
    const sentences = [...Object.keys(MODEL_FAULTS), ...RUN_FAULTS].map((code) => reply(language, code));

    expect(unknown).toBe(textsIn(language).faults.INTERNAL);
    expect(sentences).not.toContain(unknown);
    expect(new Set(sentences).size).toBe(sentences.length);
  }
});

test("the sentence about the end follows the text, or is the whole reply if there is no text", () => {
  const cancelled = { status: "cancelled" as const, errorCode: null, errorMessage: null };

  expect(finalReply("vi", cancelled, "Hết sữa")).toBe(`Hết sữa\n\n_${vietnamese.stopped}_`);
  expect(finalReply("vi", cancelled, " \n")).toBe(vietnamese.stopped);
  expect(finalReply("en", { ...cancelled, status: "completed" }, "All good")).toBe("All good");
});

test.each([
  ["vi", "vi"],
  ["vi-VN", "vi"],
  ["VI", "vi"],
  ["en-GB", "en"],
  ["vie", "en"],
  ["", "en"],
  [undefined, "en"],
])("Telegram in the language %s is answered in %s", (code, language) => {
  expect(pickLanguage(code)).toBe(language);
});

describe("on Telegram", () => {
  let app: TestApp;
  afterEach(() => app.close());

  test("people with a Vietnamese Telegram read the bot's sentences in Vietnamese", async () => {
    app = await startTestApp(scripted([]));
    const answersTo = async (act: (chat: StandInChat) => unknown, role: "staff" | "owner" = "staff") => {
      const chat = await app.staff(role, { first_name: "Linh", language_code: "vi" });
      act(chat);
      return (await chat.waitForBotMessage(/./)).text;
    };
    const sent = (text: string) => (chat: StandInChat) => chat.send(text);
    const stranger = app.telegram.privateChat(app.telegram.person({ first_name: "Khách", language_code: "vi" }));
    stranger.send("chào");

    expect((await stranger.waitForBotMessage(/./)).text).toBe(vietnamese.stranger);
    expect(await answersTo(sent("/start"))).toBe(vietnamese.start("Xi Pho Coffee", "Linh"));
    expect(await answersTo(sent("/help"))).toBe(vietnamese.help);
    expect(await answersTo(sent("/help"), "owner")).toBe(vietnamese.help + vietnamese.ownerHelp);
    expect(await answersTo(sent("/new"))).toBe(vietnamese.alreadyNew);
    expect(await answersTo(sent("/stop"))).toBe(vietnamese.nothingToStop);
    expect(await answersTo(sent("/threads"))).toBe(vietnamese.noThreads);
    expect(await answersTo(sent("/hello"))).toBe(vietnamese.unknownCommand);
    expect(await answersTo(sent("/invite"))).toBe(vietnamese.ownersOnly);
    expect(await answersTo(sent("/invite"), "owner")).toBe(vietnamese.inviteUsage);
    expect(await answersTo(sent("/remove @nobody"), "owner")).toBe(vietnamese.removeUnknown);
    expect(await answersTo(sent(`/start ${"x".repeat(32)}`))).toBe(vietnamese.inviteUnknown);
    expect(await answersTo((chat) => chat.sendSticker())).toBe(vietnamese.unsupported);
    expect(await answersTo((chat) => chat.sendService({ text: "  " }))).toBe(vietnamese.empty);
    expect(await answersTo((chat) => chat.sendService({ text: "a".repeat(70_000) }))).toBe(vietnamese.tooLong(65_536));
  });

  test("the buttons, the welcome and the end of an answer are in the reader's language", async () => {
    app = await startTestApp(scripted([says(["Xin chào", new Promise(() => {})])]));
    const owner = await app.staff("owner");
    const linh = app.telegram.privateChat(app.telegram.person({ first_name: "Linh", language_code: "vi" }));

    linh.send(`/start ${await inviteFrom(owner, "staff")}`);
    await linh.waitForBotMessage(vietnamese.joined("Xi Pho Coffee", "nhân viên"));
    linh.send("chào");
    const streaming = await linh.waitForBotMessage("Xin chào");
    const [stop] = streaming.reply_markup?.inline_keyboard.flat() ?? [];
    linh.press(streaming, stop?.text ?? "");
    await linh.waitForBotMessage(`Xin chào\n\n${vietnamese.stopped}`);

    expect(linh.replyKeyboard()?.keyboard.flat()).toMatchObject([
      { text: vietnamese.buttons.stock },
      { text: vietnamese.buttons.yesterday },
    ]);
    expect(stop?.text).toBe(vietnamese.buttons.stop);
  });
});

function reply(language: string, errorCode: string): string {
  return finalReply(language, { status: "failed", errorCode, errorMessage: "details" }, "");
}

/** All sentences by path; functions get «1», «2» and so on. */
function leaves(value: unknown, path = ""): Record<string, string> {
  if (typeof value === "string") return { [path]: value };
  if (typeof value === "function") return { [path]: call(value) };
  return Object.assign(
    {},
    ...Object.entries(value ?? {}).map(([key, inner]) => leaves(inner, path ? `${path}.${key}` : key)),
  );
}

function call(sentence: (...given: never[]) => string): string;
function call(sentence: unknown): string;
function call(sentence: unknown): string {
  return typeof sentence === "function" ? String(sentence("«1»", "«2»", "«3»")) : "";
}
