/* The seam for wallets. A button <button data-wallet="address of a module" data-network data-asset data-units data-entity
   data-account data-memo> loads the module on the click, not before, and asks it two things:
     connect(network)     → a session with the customer's wallet
     pay(session, order)  → the transaction ID the wallet names, or nothing when it does not
   The ID is a hint: it goes to the server by the form for reported transactions. An error of a wallet is said on the page
   and changes nothing; the link stays open, and paying by hand goes on. */

import { announce } from "./announce.js";

function orderOf({ network, asset, units, entity, account, memo }) {
  // Text on purpose: amounts on Hedera do not fit into JavaScript's numbers.
  return { network, asset, units, entity, account, memo };
}

function report(transactionId) {
  const form = document.querySelector("#claim form");
  const field = form?.elements.namedItem("transaction_id");
  if (!transactionId || !field) return;
  field.value = transactionId;
  form.elements.namedItem("source").value = "WALLET";
  form.requestSubmit();
}

async function payWith(button) {
  const says = document.getElementById("wallet_says");
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  says.textContent = "";
  try {
    const { connect, pay } = await import(button.dataset.wallet);
    const session = await connect(button.dataset.network);
    report(await pay(session, orderOf(button.dataset)));
  } catch (error) {
    says.textContent = `${error.message || "The wallet did not answer."} Nothing was sent; you can try again or send it by hand.`;
    announce(says.textContent, { again: true });
  } finally {
    button.disabled = false;
    button.removeAttribute("aria-busy");
  }
}

export function watchWallets() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-wallet]");
    if (button) payWith(button);
  });
}
