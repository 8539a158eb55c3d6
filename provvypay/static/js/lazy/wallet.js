/* Paying with a wallet, as the page sees it: one dialog, one face at a time. All that knows a wallet's language is behind
   the seam `open`, `pair`, `pay`, `forget`, `qr` of the bundle (wallet/src/hashconnect.js), fetched here on the first click.

   The page decides nothing: what the wallet returns is reported as a hint, and Hedera's record says whether it was paid.
   So an error of the wallet never ends a link, and a wallet that answers late is still heard. */

import { extension } from "./wallet/extension.js";
import { claim, dialogFrom, payment, stillAsks } from "./wallet/page.js";

const LIMITS = { load: 30_000, relay: 20_000, pair: 300_000, sign: 150_000 };

let dialog = null;
let bundle = null;
let wallet = null;
let asking = null; // {key, promise, from} of the one request that a wallet has before it
let turn = 0; // of the present try; closing the dialog or beginning anew ends the one before

/** Open the dialog and begin; a second click while it is open changes nothing. */
export async function start(dialogUrl) {
  dialog ??= await fetched(dialogUrl);
  if (dialog.open) return;
  dialog.showModal();
  void run();
}

async function fetched(dialogUrl) {
  const made = await dialogFrom(dialogUrl);
  made.addEventListener("close", () => {
    turn += 1;
  });
  made.addEventListener("click", (event) => {
    if (event.target.closest("[data-again]")) void run();
    if (event.target.closest("[data-other]")) void run({ anew: true });
  });
  document.addEventListener("htmx:afterSettle", () => {
    if (made.open && !stillAsks()) made.close(); // paid, or ended: the page below says it
  });
  return made;
}

async function run({ anew = false } = {}) {
  const mine = ++turn;
  const show = (face, words) => {
    if (mine === turn) draw(face, words);
  };
  try {
    show("connecting");
    if (anew) await partWith();
    await reach();
    const session = asking ? null : await paired(show, () => mine === turn);
    if (mine !== turn) return;
    const wanted = payment();
    if (!wanted) throw { code: "ended" };
    const from = asking?.from ?? payerOf(session, wanted);
    show("approve", { ...wanted, from, name: session?.name || "your wallet" });
    await within(LIMITS.sign, ask(wanted, from), "timeout");
    show("sent");
  } catch (error) {
    const face = dialog.querySelector(`[data-in="${error?.code}"]`) ? error.code : "failed";
    show(face, { detail: String(error?.message ?? "").slice(0, 200) });
  }
}

/** Load the bundle and reach the relay, each once. */
async function reach() {
  bundle ??= await within(LIMITS.load, import(dialog.dataset.bundle), "relay", "relay");
  if (wallet) return;
  const { network } = payment() ?? {};
  if (!network) throw { code: "ended" };
  const { project, relay, payee } = dialog.dataset;
  const icons = [document.querySelector("link[rel=icon]")?.href].filter(Boolean);
  const options = { network, project, relay, name: `Provvypay: ${payee}`, description: "A payment", url: location.origin, icons };
  const opened = bundle.open(options, () => {
    wallet = null;
  });
  wallet = await within(LIMITS.relay, opened, "relay", "relay");
}

/** Return the session with a wallet: the one of before, or one that the customer makes now. */
async function paired(show, wanted) {
  if (wallet.session) return wallet.session;
  const { link, session } = await within(LIMITS.relay, wallet.pair(), "relay", "relay");
  if (!wanted()) return null;
  offer(link);
  show("pair");
  const found = await within(LIMITS.pair, session, "unpaired");
  return found;
}

/** Return the account that pays; what the wallet said of itself is checked before it is asked for anything. */
function payerOf(session, wanted) {
  const [from] = session.accounts;
  if (session.network !== wanted.network || !from) throw { code: "wrong_network" };
  if (from === wanted.account) throw { code: "own_account" };
  return from;
}

/** Ask the wallet once, however often somebody presses: while it has a request before it, that one is waited for. What
    it answers is reported even when nobody waits any more. */
function ask(wanted, from) {
  if (!asking) {
    const promise = wallet.pay({ ...wanted, to: wanted.account }, from).then(claim);
    asking = { promise, from };
    promise.catch(() => undefined).finally(() => {
      asking = null;
    });
  }
  return asking.promise;
}

/** Leave the wallet, and clear what an earlier visit may have left behind. */
async function partWith() {
  asking = null;
  const left = wallet;
  wallet = null;
  await Promise.race([left ? left.forget().catch(() => undefined) : bundle?.forgetAll(), sleep(3000)]);
}

/** Show the link by which a wallet finds us: as a code, for an app, for an extension, to copy. */
function offer(link) {
  const { side, path } = bundle.qr(link);
  const picture = dialog.querySelector("[data-qr]");
  picture.setAttribute("viewBox", `0 0 ${side} ${side}`);
  picture.firstElementChild.setAttribute("d", path);
  dialog.querySelector("[data-app]").href = `https://link.hashpack.app/wc?uri=${encodeURIComponent(link)}`;
  dialog.querySelector("[data-copy]").dataset.copy = link;
  extension(dialog.querySelector("[data-extension]"), link);
}

function draw(face, words = {}) {
  dialog.dataset.face = face;
  for (const one of dialog.querySelectorAll("[data-in]")) one.hidden = !one.dataset.in.split(" ").includes(face);
  for (const slot of dialog.querySelectorAll("[data-slot]")) {
    if (slot.dataset.slot in words) slot.textContent = words[slot.dataset.slot];
  }
  // The button that had the focus may be gone; the next in its place takes it.
  if (!dialog.contains(document.activeElement) || document.activeElement.hidden) {
    dialog.querySelector("footer button:not([hidden])")?.focus();
  }
}

/** Wait for something, but not for ever.

   @param late the code of what is thrown when it takes too long
   @param broken the code of what is thrown when it fails, if its own does not matter */
async function within(milliseconds, promise, late, broken) {
  const timer = Promise.withResolvers();
  const clock = setTimeout(() => timer.reject({ code: late }), milliseconds);
  try {
    return await Promise.race([promise, timer.promise]);
  } catch (error) {
    if (broken && error?.code !== late) throw { code: broken, message: error?.message };
    throw error;
  } finally {
    clearTimeout(clock);
  }
}

function sleep(milliseconds) {
  return new Promise((done) => setTimeout(done, milliseconds));
}
