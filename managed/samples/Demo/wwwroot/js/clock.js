// Two responses that go on: the clock's events, and the slow text.

const pause = 2000;

export function startClock() {
  const time = document.getElementById("clock-time");
  const listeners = document.getElementById("clock-listeners");
  const listen = () => {
    const events = new EventSource("api/clock");
    events.addEventListener("message", (event) => {
      const tick = JSON.parse(event.data);
      time.textContent = tick.time;
      listeners.textContent = tick.listeners === 1 ? "You alone are listening." : `${tick.listeners} pages are listening.`;
    });
    events.addEventListener("error", () => {
      time.textContent = "--:--:--";
      listeners.textContent = "Connecting again…";
      // After a cut it connects again by itself; after an answer that is no stream, such as a 503, it never does.
      if (events.readyState === EventSource.CLOSED) {
        setTimeout(listen, pause);
      }
    });
  };
  listen();

  const button = document.getElementById("slow-start");
  const output = document.getElementById("slow-text");
  button.addEventListener("click", async () => {
    button.disabled = true;
    output.hidden = false;
    output.textContent = "";
    try {
      const response = await fetch("api/slow", { cache: "no-store" });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        output.textContent += part.value;
      }
    } catch {
      output.textContent += "(cut off)";
    }
    button.disabled = false;
  });
}
