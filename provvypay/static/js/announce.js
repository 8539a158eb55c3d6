/* One polite live region per page. It is never replaced, so a screen reader hears what is put into it. */

let region;
let last = "";

/** Say a short text to screen readers. The same text twice in a row is said once, unless `again` is true. */
export function announce(text, { again = false } = {}) {
  if (!text || (text === last && !again)) return;
  last = text;
  if (!region) {
    region = document.createElement("p");
    region.className = "visually-hidden";
    region.setAttribute("role", "status");
    document.body.append(region);
  }
  region.textContent = "";
  // A new node a moment later is what makes a repeated text heard again.
  setTimeout(() => region.replaceChildren(text), 60);
}
