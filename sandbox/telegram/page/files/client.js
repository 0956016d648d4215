/** The chat that is shown, and the visitor's actions in it: messages and button presses. */
import { showToast } from "./dom.js";

/** What `/sandbox/setup` returned, and the person as whom the visitor writes. */
export const current = { setup: undefined, person: undefined };

/** Pressed buttons that wait for the bot's answer, by the id of their callback query. */
const waitingButtons = new Map();

/** Sends a message. Resolves with undefined if it was not sent. */
export function send(text) {
  return post("send", { text });
}

/** Presses an inline button of a message. `button` is marked as waiting until the bot answers. */
export async function press({ messageId, data, button }) {
  button.classList.add("waiting");
  const response = await post("press", { messageId, data });
  if (response) waitingButtons.set(response.queryId, button);
  else button.classList.remove("waiting");
}

/** Shows the bot's answer to a callback query. */
export function showAnswer({ queryId, text, isAlert }) {
  // If the answer comes before the response to the press, the button is not known yet: then all buttons stop waiting.
  if (waitingButtons.has(queryId)) waitingButtons.get(queryId).classList.remove("waiting");
  else for (const button of document.querySelectorAll(".waiting")) button.classList.remove("waiting");
  waitingButtons.delete(queryId);
  if (text) showToast(text, isAlert ? 10_000 : 4_000);
}

/** The server's response, or undefined after an error, which is shown to the visitor. */
async function post(action, input) {
  try {
    const response = await fetch(`/sandbox/${action}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ chat: current.person.key, ...input }),
    });
    const body = await response.json();
    if (response.ok) return body;
    showToast(body.error);
  } catch (error) {
    showToast(`Not sent: ${error.message}`);
  }
  return undefined;
}
