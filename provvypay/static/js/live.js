/* Live parts: fragments that ask the server again and again. They must never disturb the person who reads them. */

import { announce } from "./announce.js";

const lastText = new Map(); // id of a live part → what its answer said
let hadFocus = null; // id of the part that held the focus before a swap
let kept = null; // what a person had opened and typed in it

/** Return what an answer says, without what differs each time though nothing is new: its token, and a ticking clock. */
function saying(text) {
  return text
    .replace(/\b(seen|until)=[^&"]*/g, "")
    .replace(/data-seconds="\d+"|(<b [^>]*data-clock>)[^<]*|(<progress [^>]*value=")\d+/g, "$1$2");
}

/** Say whether an answer brings nothing new; then only how to ask the next time is taken over from it. What is wrong in a
    form stays on the page until it is put right, or until something happens. */
function bringsNothing(target, text) {
  const root = new DOMParser().parseFromString(text, "text/html").getElementById(target.id);
  const same = lastText.get(target.id) === saying(text);
  if (!same && !(target.querySelector(".has-error") && root?.dataset.announce === target.dataset.announce)) return false;
  if (root?.hasAttribute("hx-get")) target.setAttribute("hx-get", root.getAttribute("hx-get"));
  return true;
}

/** Remember what a person opened and typed, to give it back to the same things after a swap. */
function remember(part) {
  return {
    open: [...part.querySelectorAll("details[open][id]")].map((one) => one.id),
    typed: [...part.querySelectorAll("input.input[id]")].map((one) => [one.id, one.value]),
  };
}

function giveBack({ open, typed }) {
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  for (const [id, value] of typed) {
    const field = document.getElementById(id);
    if (field && value && !field.value) field.value = value;
  }
}

export function watchLiveParts(htmx) {
  // htmx remembers the address it was given first; a live part asks by the one it holds now.
  document.addEventListener("htmx:configRequest", (event) => {
    const { elt, target, verb } = event.detail;
    if (elt === target && verb === "get" && elt.hasAttribute("data-live")) event.detail.path = elt.getAttribute("hx-get");
  });

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target, xhr, elt } = event.detail;
    if (!event.detail.shouldSwap || !target?.id) return;
    // An answer that brings nothing new changes nothing: selection, focus and open disclosures stay.
    if (elt === target && target.hasAttribute("data-live") && bringsNothing(target, xhr.responseText)) {
      event.detail.shouldSwap = false;
      return;
    }
    // A form inside is on its way, to the checkout for instance: do not draw its button anew under the finger.
    if (elt === target && target.querySelector("form[data-sent]")) {
      event.detail.shouldSwap = false;
      return;
    }
    lastText.set(target.id, saying(xhr.responseText));
    kept = elt === target ? remember(target) : null;
    hadFocus = target.contains(document.activeElement) ? target.id : null;
  });

  document.addEventListener("htmx:afterSettle", () => {
    if (kept) giveBack(kept);
    kept = null;
    if (hadFocus === null) return;
    const part = document.getElementById(hadFocus);
    hadFocus = null;
    // htmx gives the focus back to an element of the same id; when that is gone, the part itself takes it.
    if (part && document.activeElement === document.body) {
      part.tabIndex = -1;
      part.focus({ preventScroll: true });
    }
  });

  document.addEventListener("htmx:load", (event) => {
    const speaker = event.target.closest?.("[data-announce]") ?? event.target.querySelector?.("[data-announce]");
    if (!speaker || event.target === document.body) return;
    announce(speaker.dataset.announce);
    if (speaker.dataset.title) document.title = `${speaker.dataset.title} · Provvypay`;
  });

  // Coming back to the page asks at once instead of waiting for the next turn of a slowed-down timer.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") htmx.trigger(document.body, "page.awake");
  });
}
