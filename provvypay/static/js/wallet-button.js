/* Pay with your wallet: what that takes is fetched on the click, and by nobody who pays otherwise. */

import { announce } from "./announce.js";

let opening = false; // two clicks, one wallet

export function watchWalletButton() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-wallet]");
    if (!button || opening) return;
    opening = true;
    try {
      const { start } = await import(button.dataset.wallet);
      start();
    } catch {
      announce("The wallet could not be loaded. Send it by hand: all you need is on this page.", { again: true });
    } finally {
      opening = false;
    }
  });
}
