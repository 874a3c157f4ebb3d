// The files panel. XMLHttpRequest, because fetch does not tell how far an upload has come.

import { call, listItem, show } from "./api.js";

export function startFiles() {
  const list = document.getElementById("file-list");
  const input = document.getElementById("file-input");
  const button = document.querySelector("#file-form button");

  const attempt = async (work) => {
    try {
      await work();
      const files = await call("api/files");
      list.replaceChildren(...files.map(row));
      show("file-problem", null);
    } catch (problem) {
      show("file-problem", problem.message);
    }
  };

  const row = (file) => {
    const link = document.createElement("a");
    link.href = `files/${file.id}`;
    link.textContent = file.name;
    return listItem(link, size(file.size), `Remove the file ${file.name}`, () =>
      attempt(() => call(`api/files/${file.id}`, { method: "DELETE" })));
  };

  document.getElementById("file-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    await attempt(() => upload(input.files[0]));
    input.value = "";
    button.disabled = false;
    document.getElementById("file-progress").hidden = true;
  });
  document.addEventListener("new-process", () => attempt(async () => {}));
  attempt(async () => {});
}

function upload(file) {
  const bar = document.getElementById("file-bar");
  const status = document.getElementById("file-status");
  bar.value = 0;
  status.textContent = `Uploading ${file.name}`;
  document.getElementById("file-progress").hidden = false;
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `api/files?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable && event.total > 0) {
        bar.value = event.loaded / event.total;
        status.textContent = `Uploading ${file.name}: ${size(event.loaded)} of ${size(event.total)}`;
      }
    });
    request.addEventListener("load", () => (request.status === 201 ? resolve() : reject(new Error(titleOf(request)))));
    request.addEventListener("error", () => reject(new Error("The upload was cut off. The file may be too large, or the app gone.")));
    request.send(file);
  });
}

function titleOf(request) {
  try {
    return JSON.parse(request.responseText).title;
  } catch {
    return `The app answered ${request.status}.`;
  }
}

function size(bytes) {
  const units = ["bytes", "KiB", "MiB", "GiB"];
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
