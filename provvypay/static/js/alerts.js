/* Toasts (something was done) and alerts (something went wrong). Both stand outside the flow of the page. */

const ICONS = { good: "check", bad: "circle-cross", warn: "alert", accent: "info", quiet: "info" };
const TOAST_MS = 6000;

let failedPath = null;

/** Show a toast by cloning the template of the layout. */
export function toast(message, tone = "quiet") {
  const stack = document.querySelector("body > .toasts");
  const template = document.getElementById("toast_template");
  if (!stack || !template || !message) return;
  const box = template.content.firstElementChild.cloneNode(true);
  box.querySelector("[data-message]").textContent = message;
  const use = box.querySelector("use");
  use.setAttribute("href", use.getAttribute("href").replace(/#.*$/, `#${ICONS[tone] ?? ICONS.quiet}`));
  stack.append(box);
  leaveLater(box);
}

/** Take a toast away after a while, but never from under a pointer or the focus. */
function leaveLater(box) {
  setTimeout(() => {
    if (box.matches(":hover, :focus-within")) leaveLater(box);
    else box.remove();
  }, TOAST_MS);
}

function pathOf(event) {
  return event.detail.pathInfo?.requestPath?.split("?")[0] ?? "";
}

export function watchAlerts() {
  document.querySelectorAll("body > .toasts > .toast").forEach(leaveLater);

  // The server says it with HX-Trigger: {"toast": {"message": "…", "tone": "good"}}
  document.addEventListener("toast", (event) => toast(event.detail?.message, event.detail?.tone));

  document.addEventListener("click", (event) => {
    event.target.closest("[data-dismiss]")?.closest(".toast, .banner")?.remove();
  });

  const alerts = document.getElementById("alerts");
  if (!alerts) return;

  document.addEventListener("htmx:responseError", (event) => {
    failedPath = pathOf(event);
  });
  for (const name of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(name, (event) => {
      failedPath = pathOf(event);
      const template = document.getElementById("offline_template");
      if (template) alerts.replaceChildren(template.content.cloneNode(true));
    });
  }
  // What failed before works again: the alert about it has had its day.
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful && failedPath !== null && pathOf(event) === failedPath) {
      alerts.replaceChildren();
      failedPath = null;
    }
  });
}
