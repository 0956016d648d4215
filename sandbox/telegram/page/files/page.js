/**
 * The sandbox's page: shows one chat from the server's events, and sends what the visitor writes.
 *
 * Content of the chat becomes text nodes only, never markup.
 */
import { current, send, showAnswer } from "./client.js";
import { element, find, showToast } from "./dom.js";
import { drawMessage } from "./message.js";

let events;
let typingTimer;

start().catch((error) => showToast(`The sandbox is not reachable: ${error.message}`));

async function start() {
  const response = await fetch("/sandbox/setup");
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  current.setup = await response.json();
  const { shopName, notices, people, bot } = current.setup;
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
  current.person = person;
  events?.close();
  // Removes the key from the address.
  history.replaceState(null, "", `/sandbox#${person.key}`);
  for (const tab of find("people").children) tab.ariaSelected = String(tab.dataset.key === person.key);
  find("hint").textContent = person.hint;
  find("text").value = "";
  events = new EventSource(`/sandbox/events?chat=${encodeURIComponent(person.key)}`);
  events.onmessage = ({ data }) => apply(JSON.parse(data));
  events.onerror = ({ target }) => {
    // The server refused the connection: after a restart the sandbox has a new key.
    const isRefused = target.readyState === EventSource.CLOSED;
    setStatus(isRefused ? "sandbox restarted: open the new link from its log" : "connecting...", false);
  };
}

/** Applies one server event; see `PageEvent` in page-view.ts. */
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

function drawKeyboard(keyboard) {
  const rows = (keyboard?.rows ?? []).map((row) => {
    const line = element("div", { class: "row" });
    line.append(...row.map((text) => element("button", { text, type: "button" }, () => send(text))));
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
      void send(`/${command}`);
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
  const { suggestions, name, hint } = current.person;
  const invitation = suggestions.length > 0 ? "Write a message, or try:" : "Write a message.";
  const buttons = suggestions.map((text) => element("button", { text, type: "button" }, () => send(text)));
  find("empty").replaceChildren(element("p", { text: `You are ${name}. ${hint} ${invitation}` }), ...buttons);
}

function showTyping(remainingMs) {
  clearTimeout(typingTimer);
  setStatus(remainingMs > 0 ? "typing..." : "bot", remainingMs > 0);
  if (remainingMs > 0) typingTimer = setTimeout(() => setStatus("bot", false), remainingMs);
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
    // If sending failed, the text returns to the input field.
    if (!(await send(written)) && text.value === "") text.value = written;
  });
  text.addEventListener("keydown", (key) => {
    if (key.key !== "Enter" || key.shiftKey || key.isComposing) return;
    key.preventDefault();
    find("composer").requestSubmit();
  });
  find("slash").addEventListener("click", () => toggleCommands(find("commands").hidden));
}

function isScrolledToEnd() {
  const { scrollTop, scrollHeight, clientHeight } = find("chat");
  return scrollHeight - scrollTop - clientHeight < 80;
}

function scrollToEnd() {
  find("chat").scrollTop = find("chat").scrollHeight;
}
