/* Countdowns: <p hidden data-until="2026-11-27T06:00:00Z">Time left: <b data-left></b></p>. They show themselves on the last
   day only, tick by the second in the last hour only, and are no live region: nobody wants seconds read aloud. */

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Say how much of a time is left: "5 h 12 min", "14:51". */
function timeLeft(seconds) {
  if (seconds >= HOUR) return `${Math.floor(seconds / HOUR)} h ${Math.floor((seconds % HOUR) / MINUTE)} min`;
  return `${Math.floor(seconds / MINUTE)}:${String(Math.floor(seconds % MINUTE)).padStart(2, "0")}`;
}

export function watchCountdowns(htmx) {
  const ended = new Set();
  function tick() {
    for (const element of document.querySelectorAll("[data-until]")) {
      const seconds = (Date.parse(element.dataset.until) - Date.now()) / 1000;
      element.hidden = !(seconds < DAY);
      element.querySelector("[data-left]").textContent = timeLeft(Math.max(seconds, 0));
      if (seconds <= 0 && !ended.has(element.dataset.until)) {
        ended.add(element.dataset.until);
        htmx.trigger(document.body, "page.awake"); // the server knows what the end of the time means
      }
    }
  }
  tick();
  setInterval(tick, 1000);
}
