// The buttons that make trouble, and what came of it.

// A browser opens six connections to a site that speaks HTTP/1.1. Those left over are for the rest of the page:
// the heartbeat must show what the app does, and not what the browser holds back.
const most = 3;

export function startTrouble() {
  for (const button of document.querySelectorAll("[data-trouble]")) {
    const kind = button.dataset.trouble;
    const outcome = document.querySelector(`[data-outcome="${kind}"]`);
    let waiting = 0;
    button.addEventListener("click", async () => {
      waiting++;
      button.disabled = waiting === most;
      const start = performance.now();
      outcome.textContent = waiting > 1 ? `${waiting} are waiting…` : "Waiting…";
      const { pid } = button.dataset;
      const said = await make(kind, pid);
      waiting--;
      button.disabled = false;
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      if (waiting > 0) {
        outcome.textContent = `${waiting} are waiting…`;
      } else if (button.dataset.pid === pid) {
        outcome.textContent = `${said} after ${seconds} s.`;
      }
    });
  }
  document.addEventListener("new-process", (event) => {
    document.querySelector('[data-trouble="crash"]').dataset.pid = event.detail.pid;
    document.querySelector('[data-outcome="crash"]').textContent = `A new process, ${event.detail.pid}, has taken over.`;
  });
}

async function make(kind, pid) {
  try {
    const query = pid ? `?pid=${pid}` : "";
    const response = await fetch(`api/trouble/${kind}${query}`, { method: "POST", cache: "no-store" });
    if (response.status === 409) {
      return "The process was gone";
    }
    return response.status === 404 ? "This site does not allow it, it said" : `Answered ${response.status}`;
  } catch {
    return "The connection was cut";
  }
}
