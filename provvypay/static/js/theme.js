/* Loaded before the first paint, so that a chosen theme does not flash: the one script that blocks, and the shortest. */
try {
  const theme = localStorage.getItem("theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is forbidden: the page follows the system.
}
