/* Countdowns: <p hidden data-until="2026-11-27T06:00:00Z">Time left: <b data-left></b></p>. They show themselves on the last
   day only, tick by the second in the last hour only, and are no live region: nobody wants seconds read aloud.
   A price says how many seconds are left by the server's clock, and only ticks here: <div data-seconds="804"> with
   <b data-clock> and a <progress>. */

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
  const ends = new WeakMap(); // a price on the page → when it ends by our own clock
  function tickPrices() {
    for (const element of document.querySelectorAll("[data-seconds]")) {
      if (!ends.has(element)) ends.set(element, Date.now() + Number(element.dataset.seconds) * 1000);
      const seconds = Math.max(0, Math.ceil((ends.get(element) - Date.now()) / 1000));
      element.querySelector("[data-clock]").textContent = timeLeft(seconds);
      element.querySelector("progress").value = seconds;
      if (seconds > 0 || ended.has(element)) continue;
      ended.add(element);
      // A moment later, so that the server's clock has passed it too.
      setTimeout(() => htmx.trigger(document.body, "page.awake"), 1000);
    }
  }
  function tick() {
    tickPrices();
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
  document.addEventListener("htmx:load", tick);
}
