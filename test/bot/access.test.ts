import { eq, isNotNull, sql } from "drizzle-orm";
import { afterEach, expect, test } from "vitest";
import { scripted } from "../../sandbox/model/script.ts";
import type { StandInChat } from "../../sandbox/telegram/world/chat.ts";
import { makeInvite } from "../../src/bot/access.ts";
import { textsIn } from "../../src/bot/texts.ts";
import { findStaffMember, hasOwner, removeStaffMember, saveStaffMember } from "../../src/db/queries/chat/staff.ts";
import { invites, staff, strangerNotices } from "../../src/db/schema/index.ts";
import { startTestApp, type TestApp } from "../support/app.ts";
import { allHandled, buttonsOf, inviteFrom, repeats, staffPerson, textsOf } from "./bot-support.ts";

const texts = textsIn("en");
let app: TestApp;
afterEach(() => app.close());

test("a stranger reads once an hour that the bot is for staff, also across a restart, and the model is never called", async () => {
  app = await startTestApp(scripted([]));
  const stranger = app.telegram.privateChat(app.telegram.person({ first_name: "Tourist" }));

  stranger.send("hello");
  await stranger.waitForBotMessage(texts.stranger);
  stranger.send("hello?");
  stranger.sendSticker();
  await allHandled(app);
  await app.restart();
  stranger.send("anybody there?");
  await allHandled(app);
  await app.test.db.update(strangerNotices).set({ noticedAt: sql`now() - interval '61 minutes'` });
  const anHourOn = stranger.send("and now?");
  await stranger.waitForBotMessage(texts.stranger, { after: anHourOn });

  expect(textsOf(stranger)).toEqual([texts.stranger, texts.stranger]);
  expect(app.model.requests).toEqual([]);
  expect(app.model.unexpected).toEqual([]);
});

test("every one of many strangers gets the notice", async () => {
  app = await startTestApp(scripted([]));
  const chats = ["An", "Binh", "Chi"].map((name) =>
    app.telegram.privateChat(app.telegram.person({ first_name: name })),
  );

  for (const chat of chats) chat.send("hello");
  await Promise.all(chats.map((chat) => chat.waitForBotMessage(texts.stranger)));

  expect(chats.map(textsOf)).toEqual([[texts.stranger], [texts.stranger], [texts.stranger]]);
});

test("a person in OWNER_TELEGRAM_IDS is an owner from their first message on", async () => {
  app = await startTestApp(repeats, { env: { OWNER_TELEGRAM_IDS: "9001, 9002" } });
  const chat = app.telegram.privateChat(app.telegram.person({ id: 9002, first_name: "Mai" }));

  chat.send("hello");
  await chat.waitForBotMessage("Answer: hello");
  const code = await inviteFrom(chat, "manager");

  expect(code).not.toBe("");
  expect(await findStaffMember(app.test.db, 9002)).toMatchObject({ role: "owner", name: "Mai" });
  expect(await findStaffMember(app.test.db, 9001)).toBeUndefined();
});

test("an owner by configuration who opens an invite to a lower role stays an owner, and the invite stays unused", async () => {
  app = await startTestApp(repeats, { env: { OWNER_TELEGRAM_IDS: "9001,9002" } });
  const owner = app.telegram.privateChat(app.telegram.person({ id: 9001, first_name: "Mai" }));
  const other = app.telegram.privateChat(app.telegram.person({ id: 9002, first_name: "Bao" }));
  const code = await inviteFrom(owner, "staff");

  other.send(`/start ${code}`);
  await other.waitForBotMessage(/You already have access. Your role: owner/);

  expect(await app.test.db.select({ usedAt: invites.usedAt }).from(invites)).toEqual([{ usedAt: null }]);
});

test("an invite lets in one stranger, with its role, and nobody else", async () => {
  app = await startTestApp(repeats);
  const owner = await app.staff("owner");
  const linh = app.telegram.privateChat(app.telegram.person({ first_name: "Linh" }));
  const late = app.telegram.privateChat(app.telegram.person({ first_name: "Late" }));
  const code = await inviteFrom(owner, "manager");

  linh.send(`/start ${code}`);
  await linh.waitForBotMessage(texts.joined("Xi Pho Coffee", "manager"));
  linh.send("hello");
  await linh.waitForBotMessage("Answer: hello");
  late.send(`/start ${code}`);
  await late.waitForBotMessage(texts.inviteUsed);
  late.send("hello");
  await late.waitForBotMessage(texts.stranger);

  expect(await findStaffMember(app.test.db, linh.id)).toMatchObject({ name: "Linh", role: "manager" });
  expect(linh.replyKeyboard()?.keyboard.flat()).toHaveLength(2);
  expect(app.model.requests).toHaveLength(1);
});

test("when two people open an invite at the same moment, one joins", async () => {
  app = await startTestApp(repeats);
  const code = await inviteFrom(await app.staff("owner"), "staff");
  const chats = ["An", "Binh"].map((name) => app.telegram.privateChat(app.telegram.person({ first_name: name })));

  for (const chat of chats) chat.send(`/start ${code}`);
  const answers = await Promise.all(chats.map((chat) => chat.waitForBotMessage(/./)));

  // Chats are processed concurrently: either may be first.
  const said = answers.map(({ text }) => text).toSorted();
  expect(said).toEqual([texts.joined("Xi Pho Coffee", "staff member"), texts.inviteUsed].toSorted());
});

test("an expired or unknown invite lets nobody in, and the bot says so", async () => {
  app = await startTestApp(repeats);
  const code = await inviteFrom(await app.staff("owner"), "staff");
  const late = app.telegram.privateChat(app.telegram.person({ first_name: "Late" }));
  await app.test.db
    .update(invites)
    .set({ createdAt: sql`now() - interval '2 days'`, expiresAt: sql`now() - interval '1 second'` });

  late.send(`/start ${code}`);
  await late.waitForBotMessage(texts.inviteExpired);
  const other = app.telegram.privateChat(app.telegram.person({ first_name: "Other" }));
  other.send(`/start ${code.slice(1)}x`);
  await other.waitForBotMessage(texts.inviteUnknown);

  expect(await findStaffMember(app.test.db, late.id)).toBeUndefined();
  expect(await findStaffMember(app.test.db, other.id)).toBeUndefined();
});

test("a person who tries one bad invite after another gets a message once an hour", async () => {
  app = await startTestApp(repeats);
  const { telegram } = app;
  const guesser = telegram.privateChat(telegram.person({ first_name: "Guesser" }));

  for (const letter of ["a", "b", "c"]) guesser.send(`/start ${letter.repeat(32)}`);
  await telegram.waitFor(() => telegram.pendingUpdates().length === 0);
  await guesser.waitForBotMessage(texts.inviteUnknown);
  guesser.send("hello");
  await guesser.waitForBotMessage(texts.stranger);

  expect(guesser.botMessages().map(({ text }) => text)).toEqual([texts.inviteUnknown, texts.stranger]);
});

test("a removed owner cannot come back with their own invite", async () => {
  app = await startTestApp(repeats);
  await app.staff("owner");
  const binh = await app.staff("owner");
  const code = await inviteFrom(binh, "owner");
  await removeStaffMember(app.test.db, binh.id);

  binh.send(`/start ${code}`);
  await binh.waitForBotMessage(texts.inviteExpired);

  expect(await findStaffMember(app.test.db, binh.id)).toBeUndefined();
});

test("only the newest link for the first owner is valid, and none once there is an owner", async () => {
  app = await startTestApp(repeats);
  const { makeOwnerInvite } = app.app();
  const codeOf = (link: string) => link.split("start=")[1];
  const [early, newest] = [codeOf(await makeOwnerInvite()), codeOf(await makeOwnerInvite())];
  const chats = ["Lan", "Mai", "Nga"].map((name) =>
    app.telegram.privateChat(app.telegram.person({ first_name: name })),
  );
  const [lan, mai, nga] = chats as [StandInChat, StandInChat, StandInChat];

  lan.send(`/start ${early}`);
  await lan.waitForBotMessage(texts.inviteExpired);
  mai.send(`/start ${newest}`);
  await mai.waitForBotMessage(texts.joined("Xi Pho Coffee", "owner"));
  nga.send(`/start ${codeOf(await makeOwnerInvite())}`);
  await nga.waitForBotMessage(texts.inviteExpired);

  expect(await app.test.db.select({ name: staff.name }).from(staff)).toEqual([{ name: "Mai" }]);
});

test("people of the sandbox are strangers to a real bot when they write, press, edit or open an invite, and in /remove", async () => {
  app = await startTestApp(repeats);
  const { telegram, test } = app;
  const owner = await app.staff("owner");
  const lan = telegram.person({ id: 2 ** 52 + 1, first_name: "Lan", username: "lan" });
  const facts = { telegramUserId: lan.id, name: "Lan", username: "lan", role: "owner" } as const;
  const member = await saveStaffMember(test.db, facts);
  const chat = telegram.privateChat(lan);
  const invite = await makeInvite(test.db, "owner", member.id);
  const realInvite = await inviteFrom(owner, "staff");
  const answerTo = async (command: string) => {
    const sent = owner.send(command);
    return (await owner.waitForBotMessage(/./, { after: sent })).text;
  };

  const hello = chat.send("hello");
  await chat.waitForBotMessage(texts.stranger);
  chat.edit(hello, "may I?");
  for (const code of [invite, realInvite]) chat.send(`/start ${code}`);
  const late = telegram.privateChat(telegram.person({ first_name: "Late" }));
  late.send(`/start ${invite}`);
  await late.waitForBotMessage(texts.inviteUnknown);
  const answers = [await answerTo("/remove"), await answerTo(`/remove ${lan.id}`), await answerTo("/remove @lan")];
  await allHandled(app);

  expect(await hasOwner(test.db)).toBe(true);
  expect(answers).toEqual([texts.removeNobody, texts.removeUnknown, texts.removeUnknown]);
  expect(textsOf(chat)).toEqual([texts.stranger]);
  expect(await test.db.$count(staff)).toBe(2);
  expect(await test.db.$count(invites, isNotNull(invites.usedAt))).toBe(0);
  expect(app.model.requests).toEqual([]);
});

test("the sandbox's owner, whose id nobody on Telegram can have, is not an owner of the shop", async () => {
  app = await startTestApp(repeats);
  await saveStaffMember(app.test.db, { telegramUserId: 2 ** 52 + 1, name: "Lan", username: null, role: "owner" });

  expect(await hasOwner(app.test.db)).toBe(false);
});

test("real people are strangers in the sandbox: they cannot be removed, and keep their @username", async () => {
  app = await startTestApp(repeats, { botToken: `${2 ** 52}:a-token-of-the-sandbox` });
  const { telegram, test } = app;
  const lan = telegram.person({ id: 2 ** 52 + 1, first_name: "Lan", username: "counter" });
  await saveStaffMember(test.db, { telegramUserId: lan.id, name: "Lan", username: "counter", role: "owner" });
  const real = await saveStaffMember(test.db, { telegramUserId: 42, name: "An", username: "counter", role: "owner" });
  const chat = telegram.privateChat(lan);
  const answerTo = async (command: string) => {
    const sent = chat.send(command);
    return (await chat.waitForBotMessage(/./, { after: sent })).text;
  };

  const answers = [await answerTo("/remove"), await answerTo("/remove 42"), await answerTo("/remove @counter")];

  expect(answers).toEqual([texts.removeNobody, texts.removeUnknown, texts.removeSelf]);
  expect(await findStaffMember(test.db, 42)).toEqual(real);
});

test("a staff member leaves an invite unused, and reads whether someone else can use it", async () => {
  app = await startTestApp(repeats);
  const owner = await app.staff("owner");
  const binh = await app.staff("staff");
  const linh = app.telegram.privateChat(app.telegram.person({ first_name: "Linh" }));
  const code = await inviteFrom(owner, "staff");

  const early = binh.send(`/start ${code}`);
  const stillGood = await binh.waitForBotMessage(/You already have access. Your role: staff member/, { after: early });
  linh.send(`/start ${code}`);
  await linh.waitForBotMessage(texts.joined("Xi Pho Coffee", "staff member"));
  const again = linh.send(`/start ${code}`);
  const used = await linh.waitForBotMessage(/You already have access. Your role: staff member/, { after: again });

  expect(stillGood.text).toContain("still works for someone else");
  expect(used.text).not.toContain("still works");
});

test("an invite to a higher role promotes a staff member", async () => {
  app = await startTestApp(repeats);
  const owner = await app.staff("owner");
  const binh = await app.staff("staff");

  binh.send(`/start ${await inviteFrom(owner, "owner")}`);
  await binh.waitForBotMessage(texts.joined("Xi Pho Coffee", "owner"));

  expect(await findStaffMember(app.test.db, binh.id)).toMatchObject({ role: "owner" });
});

test("only an owner invites, only in private, and a wrong word gets the usage", async () => {
  app = await startTestApp(scripted([]));
  const owner = await staffPerson(app, "owner", { first_name: "Mai" });
  const manager = await app.staff("manager");
  const group = app.telegram.group({ title: "Shop", members: [owner] });
  const ownersChat = app.telegram.privateChat(owner);

  manager.send("/invite staff");
  await manager.waitForBotMessage(texts.ownersOnly);
  group.send("/invite staff");
  await group.waitForBotMessage(texts.privateOnly);
  const wrong = ownersChat.send("/invite boss");
  await ownersChat.waitForBotMessage(texts.inviteUsage, { after: wrong });
  const missing = ownersChat.send("/invite");
  await ownersChat.waitForBotMessage(texts.inviteUsage, { after: missing });

  expect(await app.test.db.select().from(invites)).toEqual([]);
});

test("an owner removes a person by button, @username or id, and the person is a stranger at once", async () => {
  app = await startTestApp(repeats);
  const owner = await app.staff("owner");
  const people = [
    await staffPerson(app, "staff", { first_name: "An" }),
    await staffPerson(app, "manager", { first_name: "Binh", username: "Binh_Barista" }),
    await staffPerson(app, "staff", { first_name: "Chi" }),
  ];
  const chats = people.map((person) => app.telegram.privateChat(person));

  owner.send("/remove");
  const offer = await owner.waitForBotMessage(texts.removeWhom);
  owner.press(offer, "An (staff member)");
  await owner.waitForBotMessage(texts.removed("An"));
  owner.send("/remove @binh_barista");
  await owner.waitForBotMessage(texts.removed("Binh"));
  owner.send(`/remove ${people[2]?.id}`);
  await owner.waitForBotMessage(texts.removed("Chi"));
  for (const chat of chats) chat.send("may I?");
  await Promise.all(chats.map((chat) => chat.waitForBotMessage(texts.stranger)));

  expect(buttonsOf(offer)).toEqual(["An (staff member)", "Binh (manager)", "Chi (staff member)"]);
  expect(app.model.requests).toEqual([]);
});

test("a removed person comes back with a new invite", async () => {
  app = await startTestApp(repeats);
  const owner = await app.staff("owner");
  const an = await app.staff("manager");
  owner.send(`/remove ${an.id}`);
  await owner.waitForBotMessage(/no longer has access/);

  an.send(`/start ${await inviteFrom(owner, "staff")}`);
  await an.waitForBotMessage(texts.joined("Xi Pho Coffee", "staff member"));

  expect(await findStaffMember(app.test.db, an.id)).toMatchObject({ role: "staff" });
});

test("nobody can remove themselves, an owner by configuration, or an unknown person", async () => {
  app = await startTestApp(repeats, { env: { OWNER_TELEGRAM_IDS: "9001" } });
  const configured = app.telegram.person({ id: 9001, first_name: "Mai", username: "mai" });
  const bao = await staffPerson(app, "owner", { first_name: "Bao", username: "bao" });
  const [maisChat, baosChat] = [app.telegram.privateChat(configured), app.telegram.privateChat(bao)];
  maisChat.send("hello");
  await maisChat.waitForBotMessage("Answer: hello");
  const answerTo = async (command: string) => {
    const sent = baosChat.send(command);
    return (await baosChat.waitForBotMessage(/./, { after: sent })).text;
  };

  const answers = [
    await answerTo("/remove @BAO"),
    await answerTo(`/remove ${bao.id}`),
    await answerTo("/remove 9001"),
    await answerTo("/remove @mai"),
    await answerTo("/remove @nobody"),
    await answerTo("/remove 99999999999999999999999999"),
  ];

  expect(answers).toEqual([
    texts.removeSelf,
    texts.removeSelf,
    texts.removeConfigured("Mai"),
    texts.removeConfigured("Mai"),
    texts.removeUnknown,
    texts.removeUnknown,
  ]);
  expect(await app.test.db.select({ removedAt: staff.removedAt }).from(staff)).toEqual([
    { removedAt: null },
    { removedAt: null },
  ]);
});

test("a @username that now belongs to another person removes only that person", async () => {
  app = await startTestApp(repeats);
  const owner = await app.staff("owner");
  const an = await staffPerson(app, "staff", { first_name: "An", username: "counter" });
  const binh = await staffPerson(app, "staff", { first_name: "Binh" });
  const binhsChat = app.telegram.privateChat(binh);
  binhsChat.send("hello", { from: { ...binh, username: "Counter" } });
  await binhsChat.waitForBotMessage("Answer: hello");

  owner.send("/remove @counter");
  await owner.waitForBotMessage(texts.removed("Binh"));

  expect(await findStaffMember(app.test.db, an.id)).toMatchObject({ name: "An", username: null });
  expect(await findStaffMember(app.test.db, binh.id)).toBeUndefined();
});

test("only an owner removes, and only in private", async () => {
  app = await startTestApp(scripted([]));
  const owner = await staffPerson(app, "owner", { first_name: "Mai" });
  const manager = await staffPerson(app, "manager", { first_name: "Bao" });
  const group = app.telegram.group({ title: "Shop", members: [owner, manager] });
  const managersChat = app.telegram.privateChat(manager);

  group.send("/remove", { from: owner });
  await group.waitForBotMessage(texts.privateOnly);
  managersChat.send(`/remove ${owner.id}`);
  await managersChat.waitForBotMessage(texts.ownersOnly);

  expect(await findStaffMember(app.test.db, owner.id)).toMatchObject({ role: "owner" });
});

test("a staff member's new name is stored with their next message", async () => {
  app = await startTestApp(repeats);
  const binh = await staffPerson(app, "staff", { first_name: "Binh" });
  const chat = app.telegram.privateChat(binh);

  chat.send("hello", { from: { ...binh, first_name: "Bình", last_name: "Nguyễn", username: "binh" } });
  await chat.waitForBotMessage("Answer: hello");

  const [kept] = await app.test.db.select().from(staff).where(eq(staff.telegramUserId, binh.id));
  expect(kept).toMatchObject({ name: "Bình Nguyễn", username: "binh" });
});
