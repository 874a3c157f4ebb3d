// One small request every half second: is the app there, how fast, and is it still the same process?

const period = 500;
const patience = 2500;
const shown = 60;

export function startHeartbeat() {
  const beats = document.getElementById("beats");
  const now = document.getElementById("beat-now");
  let lastPid = null;
  let other = false;
  document.getElementById("heartbeat").hidden = false;

  const add = (className, height, title) => {
    const bar = document.createElement("i");
    bar.className = className;
    bar.style.height = height;
    bar.title = title;
    beats.append(bar);
    while (beats.childElementCount > shown) {
      beats.firstElementChild.remove();
    }
  };

  const beat = async () => {
    const start = performance.now();
    try {
      const response = await fetch("api/ping", { cache: "no-store", signal: AbortSignal.timeout(patience) });
      if (!response.ok) {
        throw new Error(response.statusText);
      }
      const { pid, uptime, requests, memory } = await response.json();
      const ms = performance.now() - start;
      if (lastPid !== null && pid !== lastPid) {
        other = !other;
        document.dispatchEvent(new CustomEvent("new-process", { detail: { pid } }));
      }
      lastPid = pid;

      // A logarithmic scale: 1 ms is a fifth of the height, 1 s is all of it.
      const height = Math.min(1, 0.2 + 0.27 * Math.max(0, Math.log10(ms)));
      add(other ? "other" : "", `${height * 100}%`, `process ${pid}, ${ms.toFixed(1)} ms`);
      now.textContent = `process ${pid} · ${ms.toFixed(1)} ms · up ${uptime}`;
      now.title = `${requests} requests so far, ${memory}`;
    } catch {
      add("gone", "", "no answer");
      now.textContent = "no answer";
    }
  };

  // The next beat waits for the one before; a hidden page rests.
  const loop = async () => {
    const start = performance.now();
    if (!document.hidden) {
      await beat();
    }
    setTimeout(loop, Math.max(0, period - (performance.now() - start)));
  };
  loop();
}
