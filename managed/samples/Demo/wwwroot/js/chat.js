// The chat panel: a WebSocket that comes back when it was cut.

const kept = 100;

export function startChat() {
  const lines = document.getElementById("chat-lines");
  const people = document.getElementById("chat-people");
  const name = document.getElementById("chat-name");
  const text = document.getElementById("chat-text");
  let socket = null;
  let delay = 500;

  const add = (who, what) => {
    const line = document.createElement("li");
    const author = document.createElement("b");
    author.textContent = who;
    line.append(author, what);
    const atEnd = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 40;
    lines.append(line);
    while (lines.childElementCount > kept) {
      lines.firstElementChild.remove();
    }
    if (atEnd) {
      lines.scrollTop = lines.scrollHeight;
    }
  };

  const connect = () => {
    const address = new URL("api/chat", document.baseURI);
    address.protocol = address.protocol.replace("http", "ws");
    socket = new WebSocket(address);
    socket.addEventListener("open", () => {
      // The server sends the last lines again.
      lines.replaceChildren();
      delay = 500;
    });
    socket.addEventListener("message", (event) => {
      const line = JSON.parse(event.data);
      people.textContent = line.people === 1 ? "Nobody else is here." : `${line.people} are here.`;
      if (line.name) {
        add(line.name, line.text);
      }
    });
    socket.addEventListener("close", () => {
      people.textContent = "Connecting again…";
      setTimeout(connect, delay);
      delay = Math.min(delay * 2, 8000);
    });
  };

  document.getElementById("chat-form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (socket.readyState === WebSocket.OPEN) {
      socket.send(JSON.stringify({ name: name.value, text: text.value }));
      text.value = "";
      text.focus();
    }
  });
  connect();
}
