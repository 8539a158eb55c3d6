/* Copy buttons: <button data-copy="text">. Both words share a cell; data-copied switches them for two seconds. */

import { announce } from "./announce.js";

const COPIED_MS = 2000;

async function write(text) {
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  // Plain http on another host than localhost has no clipboard API; the old way still works there.
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("the browser did not copy");
}

export function watchCopyButtons() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    try {
      await write(button.dataset.copy);
    } catch {
      announce("Copying did not work. Select the text and copy it yourself.", { again: true });
      return;
    }
    button.dataset.copied = "";
    announce("Copied", { again: true });
    setTimeout(() => delete button.dataset.copied, COPIED_MS);
  });
}
