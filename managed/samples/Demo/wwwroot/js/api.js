// Calls of the site's own API, and small pieces of page.

/** What went wrong, in words for the visitor. */
export class Problem extends Error {}

/** Calls the API; answers the JSON body, or null when there is none. Throws a Problem. */
export async function call(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { cache: "no-store", ...options });
  } catch {
    throw new Problem("The app did not answer.");
  }
  if (!response.ok) {
    throw new Problem(await titleOf(response));
  }
  return response.status === 204 ? null : response.json();
}

/** Calls the API with a JSON body. */
export function post(path, body) {
  return call(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

/** Shows a text in an element, or hides the element when there is no text. */
export function show(id, text) {
  const element = document.getElementById(id);
  element.textContent = text ?? "";
  element.hidden = !text;
}

/** A list item with a text, a remark, and a button that removes it. */
export function listItem(content, remark, label, remove) {
  const item = document.createElement("li");
  const text = document.createElement("span");
  text.append(content);
  const small = document.createElement("small");
  small.textContent = remark;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "plain";
  button.textContent = "Remove";
  button.setAttribute("aria-label", label);
  button.addEventListener("click", remove);
  item.append(text, small, button);
  return item;
}

async function titleOf(response) {
  try {
    return (await response.json()).title ?? `The app answered ${response.status}.`;
  } catch {
    return `The app answered ${response.status}.`;
  }
}
