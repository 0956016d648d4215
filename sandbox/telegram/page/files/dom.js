/** Small helpers for the document. Text always becomes a text node, never markup. */

export const find = (id) => document.getElementById(id);

export function element(tag, { text, ...attributes } = {}, onClick) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  if (onClick) node.addEventListener("click", onClick);
  return node;
}

let toastTimer;

export function showToast(text, durationMs = 4_000) {
  clearTimeout(toastTimer);
  find("toast").textContent = text;
  find("toast").hidden = false;
  toastTimer = setTimeout(() => {
    find("toast").hidden = true;
  }, durationMs);
}
