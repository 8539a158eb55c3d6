/* Live parts: fragments that ask the server again and again. They must never disturb the person who reads them. */

import { announce } from "./announce.js";

const lastText = new Map(); // id of a live part → the answer it shows
let hadFocus = null; // id of the part that held the focus before a swap

export function watchLiveParts(htmx) {
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target, xhr, elt } = event.detail;
    if (!event.detail.shouldSwap || !target?.id) return;
    // An answer that brings nothing new changes nothing: selection, focus and open disclosures stay.
    if (elt === target && target.hasAttribute("data-live") && lastText.get(target.id) === xhr.responseText) {
      event.detail.shouldSwap = false;
      return;
    }
    // A form inside is on its way, to the checkout for instance: do not draw its button anew under the finger.
    if (elt === target && target.querySelector("form[data-sent]")) {
      event.detail.shouldSwap = false;
      return;
    }
    lastText.set(target.id, xhr.responseText);
    hadFocus = target.contains(document.activeElement) ? target.id : null;
  });

  document.addEventListener("htmx:afterSettle", () => {
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
