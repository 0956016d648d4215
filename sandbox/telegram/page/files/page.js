/**
 * The sandbox's page: draws one chat from the server's events, and sends what the visitor does.
 *
 * Whatever comes from the chat reaches the page as text nodes only, never as markup.
 */

const find = (id) => document.getElementById(id);
const shown = { setup: undefined, person: undefined, events: undefined, typingTimer: undefined, toastTimer: undefined };
/** Buttons that wait for the bot's answer, by the id of their query. */
const waitingButtons = new Map();

start().catch((error) => toast(`The sandbox does not answer: ${error.message}`));

async function start() {
  const response = await fetch("/sandbox/setup");
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  shown.setup = await response.json();
  const { shopName, notices, people, bot } = shown.setup;
  document.title = `${shopName} - sandbox, not Telegram`;
  find("shop").textContent = shopName;
  find("bot").textContent = bot.name;
  document.querySelector(".avatar").textContent = bot.name.slice(0, 1);
  find("notices").hidden = notices.length === 0;
  find("notices").open = window.innerWidth >= 960;
  find("notices")
    .querySelector("ul")
    .replaceChildren(...notices.map((notice) => element("li", { text: notice })));
  find("people").replaceChildren(...people.map(drawTab));
  listenToComposer();
  openChat(people.find(({ key }) => `#${key}` === location.hash) ?? people[0]);
}

function drawTab(person) {
  const tab = element("button", { text: person.label, role: "tab", type: "button" });
  tab.dataset.key = person.key;
  tab.addEventListener("click", () => openChat(person));
  return tab;
}

function openChat(person) {
  shown.person = person;
  shown.events?.close();
  // Without the key that opened the page.
  history.replaceState(null, "", `/sandbox#${person.key}`);
  for (const tab of find("people").children) tab.ariaSelected = String(tab.dataset.key === person.key);
  find("hint").textContent = person.hint;
  find("text").value = "";
  shown.events = new EventSource(`/sandbox/events?chat=${encodeURIComponent(person.key)}`);
  shown.events.onmessage = ({ data }) => apply(JSON.parse(data));
  shown.events.onerror = ({ target }) => {
    // Refused for good: the sandbox was started anew, with another key.
    const isOver = target.readyState === EventSource.CLOSED;
    setStatus(isOver ? "started again: open the new link in its log" : "connecting...", false);
  };
}

/** One event of the server, as `PageEvent` in page-view.ts describes it. */
function apply(event) {
  const isAtEnd = isScrolledToEnd();
  switch (event.kind) {
    case "snapshot":
      find("messages").replaceChildren(...event.messages.map(drawMessage));
      drawKeyboard(event.keyboard);
      drawCommands(event.commands);
      showTyping(event.typingMs);
      break;
    case "message":
      putMessage(event.message);
      break;
    case "delete":
      messageElement(event.messageId)?.remove();
      break;
    case "typing":
      showTyping(event.remainingMs);
      break;
    case "keyboard":
      drawKeyboard(event.keyboard);
      break;
    case "answer":
      showAnswer(event);
      break;
    case "commands":
      drawCommands(event.commands);
      break;
  }
  drawEmpty();
  if (isAtEnd || event.kind === "snapshot") scrollToEnd();
}

function putMessage(message) {
  const old = messageElement(message.id);
  if (old) old.replaceWith(drawMessage(message));
  else find("messages").append(drawMessage(message));
  if (!old && message.author === "bot") showTyping(0);
  if (!old && message.author === "person") scrollToEnd();
}

function messageElement(id) {
  return find("messages").querySelector(`[data-id="${Number(id)}"]`);
}

function drawMessage(message) {
  const item = element("li", { class: `message ${message.author}` });
  item.dataset.id = message.id;
  const bubble = element("div", { class: "bubble" });
  if (message.replyTo) bubble.append(element("div", { class: "reply", text: message.replyTo }));
  const text = element("div", { class: "text" });
  drawText(text, { text: message.text, start: 0, end: message.text.length }, message.entities);
  bubble.append(text);
  if (message.author !== "service") bubble.append(drawTime(message));
  item.append(bubble);
  if (message.buttons.length > 0) item.append(drawButtons(message));
  return item;
}

function drawTime({ sentAtMs, isEdited }) {
  const time = new Date(sentAtMs).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return element("time", { class: "time", text: isEdited ? `edited ${time}` : time });
}

/** Draws `text` from `start` to `end`; entities come outer before inner, and one that crosses another is cut in two. */
function drawText(parent, { text, start, end }, entities) {
  const left = [...entities];
  let position = start;
  while (left.length > 0) {
    const entity = left.shift();
    const from = Math.max(entity.offset, position);
    const to = Math.min(entity.offset + entity.length, end);
    if (from >= to) continue;
    parent.append(text.slice(position, from));
    const node = drawEntity(entity, text.slice(from, to));
    const inside = left.filter((other) => other.offset < to);
    drawText(node, { text, start: from, end: to }, inside);
    parent.append(node);
    // A block ends its line by itself: the line break after it would show as an empty line.
    position = BLOCKS.has(entity.type) && text[to] === "\n" ? to + 1 : to;
  }
  parent.append(text.slice(position, Math.max(position, end)));
}

const BLOCKS = new Set(["pre", "blockquote", "expandable_blockquote"]);
const TAGS = new Map([
  ["bold", "strong"],
  ["italic", "em"],
  ["underline", "u"],
  ["strikethrough", "s"],
  ["code", "code"],
  ["pre", "pre"],
  ["blockquote", "blockquote"],
  ["expandable_blockquote", "blockquote"],
]);

function drawEntity(entity, covered) {
  if (entity.type === "text_link") return drawLink(entity.url);
  if (entity.type === "url") return drawLink(covered);
  if (entity.type === "bot_command") return drawCommand(covered);
  if (entity.type === "spoiler") return drawSpoiler();
  return element(TAGS.get(entity.type) ?? "span");
}

/** Only web links are links. One that starts this bot says so in the chat, as in Telegram. */
function drawLink(address) {
  const url = URL.parse(address);
  if (!url || !["https:", "http:"].includes(url.protocol)) return element("span", { title: address });
  const link = element("a", { href: url.href, title: url.href, target: "_blank", rel: "noopener noreferrer" });
  const payload = url.searchParams.get("start");
  const isOwnBot =
    url.hostname === "t.me" && url.pathname.slice(1).toLowerCase() === shown.setup.bot.username.toLowerCase();
  if (isOwnBot) {
    link.addEventListener("click", (click) => {
      click.preventDefault();
      void say(payload ? `/start ${payload}` : "/start");
    });
  }
  return link;
}

function drawCommand(command) {
  const button = element("button", { class: "command", type: "button" });
  button.addEventListener("click", () => say(command));
  return button;
}

function drawSpoiler() {
  const spoiler = element("span", { class: "spoiler", title: "Show" });
  spoiler.addEventListener("click", () => spoiler.classList.add("open"));
  return spoiler;
}

function drawButtons({ id, buttons }) {
  const rows = buttons.map((row) => {
    const line = element("div", { class: "row" });
    line.append(...row.map((button) => (button.data === undefined ? drawUrlButton(button) : drawButton(id, button))));
    return line;
  });
  const grid = element("div", { class: "buttons" });
  grid.append(...rows);
  return grid;
}

function drawUrlButton({ text, url = "" }) {
  const link = drawLink(url);
  link.append(text);
  return link;
}

function drawButton(messageId, { text, data }) {
  const button = element("button", { text, type: "button" });
  button.addEventListener("click", async () => {
    button.classList.add("waiting");
    const answer = await post("press", { messageId, data });
    if (answer) waitingButtons.set(answer.queryId, button);
    else button.classList.remove("waiting");
  });
  return button;
}

function showAnswer({ queryId, text, isAlert }) {
  // The answer may come before the press is confirmed: then the button is not known yet, and nothing waits any more.
  if (waitingButtons.has(queryId)) waitingButtons.get(queryId).classList.remove("waiting");
  else for (const button of document.querySelectorAll(".waiting")) button.classList.remove("waiting");
  waitingButtons.delete(queryId);
  if (text) toast(text, isAlert ? 10_000 : 4_000);
}

function drawKeyboard(keyboard) {
  const rows = (keyboard?.rows ?? []).map((row) => {
    const line = element("div", { class: "row" });
    line.append(...row.map((text) => element("button", { text, type: "button" }, () => say(text))));
    return line;
  });
  find("keyboard").replaceChildren(...rows);
  find("keyboard").hidden = rows.length === 0;
  find("text").placeholder = keyboard?.placeholder ?? "Message";
}

function drawCommands(commands) {
  find("slash").hidden = commands.length === 0;
  const items = commands.map(({ command, description }) => {
    const button = element("button", { type: "button" }, () => {
      toggleCommands(false);
      void say(`/${command}`);
    });
    button.append(element("b", { text: `/${command}` }), element("span", { text: description }));
    const item = element("li");
    item.append(button);
    return item;
  });
  find("commands").replaceChildren(...items);
}

function toggleCommands(isOpen) {
  find("commands").hidden = !isOpen;
  find("slash").ariaExpanded = String(isOpen);
}

function drawEmpty() {
  const isEmpty = find("messages").children.length === 0;
  find("empty").hidden = !isEmpty;
  if (!isEmpty) return;
  const { suggestions, name, hint } = shown.person;
  const invitation = suggestions.length > 0 ? "Write something, or try:" : "Write something.";
  const buttons = suggestions.map((text) => element("button", { text, type: "button" }, () => say(text)));
  find("empty").replaceChildren(element("p", { text: `You are ${name}. ${hint} ${invitation}` }), ...buttons);
}

function showTyping(remainingMs) {
  clearTimeout(shown.typingTimer);
  setStatus(remainingMs > 0 ? "typing..." : "bot", remainingMs > 0);
  if (remainingMs > 0) shown.typingTimer = setTimeout(() => setStatus("bot", false), remainingMs);
}

function setStatus(text, isBusy) {
  find("status").textContent = text;
  find("status").classList.toggle("busy", isBusy);
}

function listenToComposer() {
  const text = find("text");
  find("composer").addEventListener("submit", async (submit) => {
    submit.preventDefault();
    const written = text.value;
    if (written.trim() === "") return;
    text.value = "";
    // What could not be sent is not lost.
    if (!(await say(written)) && text.value === "") text.value = written;
  });
  text.addEventListener("keydown", (key) => {
    if (key.key !== "Enter" || key.shiftKey || key.isComposing) return;
    key.preventDefault();
    find("composer").requestSubmit();
  });
  find("slash").addEventListener("click", () => toggleCommands(find("commands").hidden));
}

function say(text) {
  return post("send", { text });
}

/** The server's answer, or undefined when it refused, which the visitor is told. */
async function post(action, input) {
  try {
    const response = await fetch(`/sandbox/${action}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ chat: shown.person.key, ...input }),
    });
    const answer = await response.json();
    if (response.ok) return answer;
    toast(answer.error);
  } catch (error) {
    toast(`Not sent: ${error.message}`);
  }
  return undefined;
}

function toast(text, forMs = 4_000) {
  clearTimeout(shown.toastTimer);
  find("toast").textContent = text;
  find("toast").hidden = false;
  shown.toastTimer = setTimeout(() => {
    find("toast").hidden = true;
  }, forMs);
}

function isScrolledToEnd() {
  const { scrollTop, scrollHeight, clientHeight } = find("chat");
  return scrollHeight - scrollTop - clientHeight < 80;
}

function scrollToEnd() {
  find("chat").scrollTop = find("chat").scrollHeight;
}

function element(tag, { text, ...attributes } = {}, onClick) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  if (onClick) node.addEventListener("click", onClick);
  return node;
}
