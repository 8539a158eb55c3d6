/* Countdowns: <span data-until="2026-11-27T06:00:00Z">. Seconds tick only in the last hour; nothing here is a live region. */

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Say in words how much of a time is left: "3 days", "5 h 12 min", "14:51". */
export function timeLeft(seconds) {
  if (seconds >= 2 * DAY) return `${Math.floor(seconds / DAY)} days`;
  if (seconds >= HOUR) return `${Math.floor(seconds / HOUR)} h ${Math.floor((seconds % HOUR) / MINUTE)} min`;
  return `${Math.floor(seconds / MINUTE)}:${String(Math.floor(seconds % MINUTE)).padStart(2, "0")}`;
}

export function watchCountdowns(htmx) {
  function tick() {
    for (const element of document.querySelectorAll("[data-until]")) {
      const seconds = (Date.parse(element.dataset.until) - Date.now()) / 1000;
      if (Number.isNaN(seconds)) continue;
      if (seconds > 0) {
        element.textContent = timeLeft(seconds);
      } else if (!("over" in element.dataset)) {
        element.dataset.over = "";
        element.textContent = "0:00";
        htmx.trigger(document.body, "page.awake"); // the server knows what the end of the time means
      }
    }
  }
  if (document.querySelector("[data-until]")) {
    tick();
    setInterval(tick, 1000);
  }
}
