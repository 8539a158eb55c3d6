/* The theme: as the system has it, or light, or dark. Remembered in this browser; theme.js applies it before the first paint. */

import { announce } from "./announce.js";

const ORDER = ["system", "light", "dark"];
const WORDS = { system: "as your system", light: "light", dark: "dark" };

function remember(theme) {
  try {
    if (theme === "system") localStorage.removeItem("theme");
    else localStorage.setItem("theme", theme);
  } catch {
    // Storage is forbidden: the choice lasts until the next page.
  }
}

function show(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  for (const word of document.querySelectorAll("[data-theme-word]")) word.textContent = WORDS[theme];
}

export function watchThemeSwitch() {
  show(document.documentElement.dataset.theme ?? "system");
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-switch]")) return;
    const now = document.documentElement.dataset.theme ?? "system";
    const next = ORDER[(ORDER.indexOf(now) + 1) % ORDER.length];
    remember(next);
    show(next);
    announce(`Theme: ${WORDS[next]}`);
  });
}
