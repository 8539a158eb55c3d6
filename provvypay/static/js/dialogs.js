/* Dialogs and print. An opener is a link to the same question as a page, so it works without this file:
   <a href="/links/…/cancellation" data-dialog="cancel_dialog">. */

export function watchDialogs() {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    const dialog = opener && document.getElementById(opener.dataset.dialog);
    if (dialog) {
      event.preventDefault();
      dialog.showModal(); // the browser gives the focus back to the opener when it closes
      return;
    }
    if (event.target.closest("[data-close]")) {
      event.preventDefault();
      event.target.closest("dialog")?.close();
      return;
    }
    if (event.target.matches("dialog[open]")) event.target.close(); // a click beside it, on the veil
    if (event.target.closest("[data-print]")) window.print();
  });
}
