// The notes panel: a JSON API, called with fetch.

import { call, listItem, post, show } from "./api.js";

export function startNotes() {
  const list = document.getElementById("note-list");
  const input = document.getElementById("note-text");

  const attempt = async (work) => {
    try {
      await work();
      const notes = await call("api/notes");
      list.replaceChildren(...notes.map(row));
      show("note-problem", null);
    } catch (problem) {
      show("note-problem", problem.message);
    }
  };

  const row = (note) => {
    const written = new Date(note.writtenAt).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    return listItem(note.text, written, `Remove the note ${note.text}`, () =>
      attempt(() => call(`api/notes/${note.id}`, { method: "DELETE" })));
  };

  document.getElementById("note-form").addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(async () => {
      await post("api/notes", { text: input.value });
      input.value = "";
      input.focus();
    });
  });
  document.addEventListener("new-process", () => attempt(async () => {}));
  attempt(async () => {});
}
