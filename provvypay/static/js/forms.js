/* Forms: sent once, errors found at once, a password that can be looked at, a preview that follows the typing. */

const GIVE_BACK_MS = 15000;
const ERROR_TITLE = "Error: ";

function submitButtons(form) {
  return [...form.elements].filter((element) => element.matches("button:not([type]), button[type=submit], input[type=submit]"));
}

function hold(form, submitter) {
  submitter?.setAttribute("aria-busy", "true");
  for (const button of submitButtons(form)) button.disabled = true;
}

function giveBack(form) {
  if (!("sent" in form.dataset)) return;
  delete form.dataset.sent;
  for (const button of submitButtons(form)) {
    button.disabled = false;
    button.removeAttribute("aria-busy");
  }
}

/** Plain forms go out once; forms with hx-post are guarded by their own hx-disabled-elt. */
function sendOnce(event) {
  const form = event.target;
  // The attribute, not form.method: a button named "method", as on the pay page, would hide that property.
  if (event.defaultPrevented || form.getAttribute("method") !== "post" || form.hasAttribute("hx-post")) return;
  if ("sent" in form.dataset) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "";
  // After this tick: a disabled button would not be part of what is sent.
  setTimeout(() => hold(form, event.submitter));
  setTimeout(() => giveBack(form), GIVE_BACK_MS);
}

/** Put the focus on the summary of errors, in a new fragment or on a page that came with one. */
function showErrors(root) {
  const summary = root.querySelector(".error-summary:not([data-specimen])");
  const title = document.title.replace(ERROR_TITLE, "");
  if (summary) summary.focus();
  if (summary || root.querySelector("form")) document.title = summary ? ERROR_TITLE + title : title;
}

function reveal(button) {
  const field = document.getElementById(button.dataset.reveal);
  const shown = field.type === "password";
  field.type = shown ? "text" : "password";
  button.setAttribute("aria-pressed", String(shown));
}

/** Return an amount as the server will read it (domain/money.parse_amount), or an empty text for what it refuses. */
function readAmount(typed, code) {
  const text = typed.replace(new RegExp(`^${code}|${code}$`), "").trim();
  const found = /^([0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.([0-9]+))?$/.exec(text);
  const digits = new Intl.NumberFormat("en", { style: "currency", currency: code }).resolvedOptions().maximumFractionDigits;
  const fraction = found?.[2] ?? "";
  if (!found || fraction.length > digits || text.length > 20) return "";
  const whole = found[1].replaceAll(",", "").replace(/^0+(?=[0-9])/, "").replace(/\B(?=(?:[0-9]{3})+$)/g, ",");
  return digits ? `${whole}.${fraction.padEnd(digits, "0")}` : whole;
}

/** Return the end of a life in seconds, from now, as the customer will read it, in the zone of the organization. */
function endOf(seconds, zone) {
  const shown = { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  return new Intl.DateTimeFormat("en-GB", { ...shown, timeZone: zone }).format(Date.now() + seconds * 1000);
}

function mirrored(field) {
  const typed = field.value.trim();
  if ("amountIn" in field.dataset) return typed && (readAmount(typed, document.getElementById(field.dataset.amountIn).value) || "–");
  if (field.dataset.life) return endOf(Number(field.dataset.life), field.dataset.zone);
  if (field.type === "datetime-local") {
    // Read as if it were UTC and written in UTC: the day and hour stay those that were chosen.
    const chosen = Date.parse(`${typed}Z`);
    return Number.isNaN(chosen) ? "" : endOf((chosen - Date.now()) / 1000, "UTC");
  }
  return field.dataset.word ?? typed;
}

/** Write what is typed into the preview beside the form: <input data-mirror="id">, empty text from data-empty; a row
    with data-optional hides while there is nothing to show. */
function mirror(field) {
  const target = document.getElementById(field.dataset.mirror);
  // A radio that is not chosen and a field that is not shown have nothing to say.
  if (!target || (field.type === "radio" ? !field.checked : field.offsetParent === null)) return;
  const text = mirrored(field);
  target.textContent = text || target.dataset.empty || "";
  target.classList.toggle("faint", !text);
  const row = target.closest("[data-optional]");
  if (row) row.hidden = !text;
}

function mirrorAll(root) {
  root.querySelectorAll("[data-mirror]").forEach(mirror);
}

/** Preselect the browser's time zone where none was chosen yet. */
function chooseOwnZone(root) {
  const select = root.querySelector("select[data-own-zone]");
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (select && [...select.options].some((option) => option.value === zone)) select.value = zone;
}

export function watchForms() {
  document.addEventListener("submit", sendOnce);
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) document.querySelectorAll("form[data-sent]").forEach(giveBack);
  });

  showErrors(document);
  mirrorAll(document);
  chooseOwnZone(document);
  document.addEventListener("htmx:load", (event) => {
    showErrors(event.target.parentElement ?? document);
    mirrorAll(event.target);
  });

  // The line of ink runs along the button that was pressed, not along every button of the form.
  document.addEventListener("htmx:beforeRequest", (event) => {
    event.detail.requestConfig.triggeringEvent?.submitter?.setAttribute("aria-busy", "true");
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    event.detail.requestConfig?.triggeringEvent?.submitter?.removeAttribute("aria-busy");
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-reveal]");
    if (button) reveal(button);
  });
  document.addEventListener("input", (event) => {
    // All of the form: an amount is read anew when its currency changes.
    if (event.target.matches("[data-mirror]")) mirrorAll(event.target.form);
  });
}
