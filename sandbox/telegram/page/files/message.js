/** Draws one message: its text with entities, its time and its buttons. */
import { current, press, send } from "./client.js";
import { element } from "./dom.js";

/** Draws a message, as `MessageView` in page-view.ts describes it. */
export function drawMessage(message) {
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

/** Draws `text` from `start` to `end`. Entities are ordered outer before inner; overlapping ones are split. */
function drawText(parent, { text, start, end }, entities) {
  const remaining = [...entities];
  let position = start;
  while (remaining.length > 0) {
    const entity = remaining.shift();
    const from = Math.max(entity.offset, position);
    const to = Math.min(entity.offset + entity.length, end);
    if (from >= to) continue;
    parent.append(text.slice(position, from));
    const node = drawEntity(entity, text.slice(from, to));
    const nested = remaining.filter((other) => other.offset < to);
    drawText(node, { text, start: from, end: to }, nested);
    parent.append(node);
    // A block element ends its line, so the line break after it would show as an empty line.
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

/** Only web links become links. As in Telegram, a link that starts this bot sends `/start` in the chat. */
function drawLink(address) {
  const url = URL.parse(address);
  if (!url || !["https:", "http:"].includes(url.protocol)) return element("span", { title: address });
  const link = element("a", { href: url.href, title: url.href, target: "_blank", rel: "noopener noreferrer" });
  const payload = url.searchParams.get("start");
  const isOwnBot =
    url.hostname === "t.me" && url.pathname.slice(1).toLowerCase() === current.setup.bot.username.toLowerCase();
  if (isOwnBot) {
    link.addEventListener("click", (click) => {
      click.preventDefault();
      void send(payload ? `/start ${payload}` : "/start");
    });
  }
  return link;
}

function drawCommand(command) {
  return element("button", { class: "command", type: "button" }, () => send(command));
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
  const button = element("button", { text, type: "button" }, () => press({ messageId, data, button }));
  return button;
}
