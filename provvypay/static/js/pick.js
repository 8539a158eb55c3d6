/* Rows to choose: the box in a table's head chooses all of a page, and the bar below says how many are chosen. */

function boxes(form, name) {
  return [...form.elements].filter((element) => element.name === name && element.type === "checkbox");
}

function show(form, head) {
  const all = boxes(form, head.dataset.pickAll);
  const chosen = all.filter((box) => box.checked).length;
  head.checked = chosen > 0 && chosen === all.length;
  head.indeterminate = chosen > 0 && chosen < all.length;
  head.disabled = all.length === 0;
  const number = form.querySelector("[data-picked]");
  if (number) number.textContent = String(chosen);
}

function showAll(root) {
  root.querySelectorAll("[data-pick-all]").forEach((head) => show(head.form, head));
}

export function watchPicks() {
  document.addEventListener("change", (event) => {
    const { target } = event;
    const head = target.form?.querySelector("[data-pick-all]");
    if (!head) return;
    if (target === head) for (const box of boxes(head.form, head.dataset.pickAll)) box.checked = head.checked;
    show(head.form, head);
  });
  showAll(document);
  document.addEventListener("htmx:load", (event) => showAll(event.target));
  // A page that comes back from the browser's memory has its boxes as they were left.
  window.addEventListener("pageshow", () => showAll(document));
}
