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

/** Write what is typed into the preview beside the form: <input data-mirror="id">, empty text from data-empty. */
function mirror(field) {
  const target = document.getElementById(field.dataset.mirror);
  // A radio that is not chosen and a field that is not shown have nothing to say.
  if (!target || (field.type === "radio" ? !field.checked : field.offsetParent === null)) return;
  const text = field.dataset.word ?? field.value.trim().replace("T", field.type === "datetime-local" ? ", " : "T");
  target.textContent = text || target.dataset.empty || "";
  target.classList.toggle("faint", !text);
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
    if (event.target.matches("[data-mirror]")) mirror(event.target);
  });
}
