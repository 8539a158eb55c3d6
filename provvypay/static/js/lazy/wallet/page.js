/* What paying with a wallet reads from the page, and the one thing it tells the server. */

/** Return what the page asks for now, as text; null when it asks for nothing. The live part may have been drawn anew
    since the click: another price, or only what is still missing. */
export function payment() {
  const button = document.getElementById("connect_wallet");
  if (!button) return null;
  const { quote, asset, kind, units, amount, entity, account, address, memo, network } = button.dataset;
  return { quote, asset, kind, units, amount, entity, account, address, memo, network };
}

/** Fetch the dialog and put it at the end of the page, outside of what is drawn anew. */
export async function dialogFrom(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`the dialog: ${answer.status}`);
  const read = new DOMParser().parseFromString(await answer.text(), "text/html");
  const dialog = document.importNode(read.getElementById("wallet"), true);
  document.body.append(dialog);
  return dialog;
}

/** Say whether the page still waits for a payment in a token. */
export function stillAsks() {
  return document.querySelector("#payment_status[data-quote]") !== null;
}

/** Report a transaction's id as a hint where to look, by the form that customers use for it, and look at once. What comes
    of it does not matter here: the watcher sees the payment without it. */
export async function claim(id) {
  const form = document.querySelector("#claim form");
  if (form) {
    const told = new FormData(form);
    told.set("transaction_id", id);
    told.set("source", "WALLET");
    await fetch(form.action, { method: "POST", body: new URLSearchParams(told), redirect: "manual" }).catch(() => undefined);
  }
  document.body.dispatchEvent(new CustomEvent("page.awake"));
  return id;
}
