/* Pay with your wallet: what that takes is fetched on the click, and by nobody who pays otherwise. */

let opening = false; // two clicks, one wallet

export function watchWalletButton() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-wallet]");
    if (!button || opening) return;
    opening = true;
    const says = document.getElementById("wallet_says");
    says.hidden = true;
    try {
      const { start } = await import(button.dataset.wallet);
      await start(button.dataset.dialogUrl);
    } catch {
      says.hidden = false;
    } finally {
      opening = false;
    }
  });
}
