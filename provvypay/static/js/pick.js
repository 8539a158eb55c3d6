/* Rows to choose: the box in a table's head chooses all of a page. */

function boxes(head) {
  return [...head.form.elements].filter((element) => element.name === head.dataset.pickAll && element.type === "checkbox");
}

export function watchPicks() {
  document.addEventListener("change", (event) => {
    const { target } = event;
    if (target.matches("[data-pick-all]")) {
      for (const box of boxes(target)) box.checked = target.checked;
      return;
    }
    const head = target.form?.querySelector("[data-pick-all]");
    if (!head || target.name !== head.dataset.pickAll) return;
    const all = boxes(head);
    head.checked = all.every((box) => box.checked);
    head.indeterminate = !head.checked && all.some((box) => box.checked);
  });
}
