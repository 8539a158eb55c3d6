/* The wallet bundle: all that knows HashConnect. It is fetched on the click on "Pay with a wallet" and by nothing else; the
   page's side of the seam is provvypay/static/js/lazy/wallet.js, which knows none of this. */

import { HashConnect } from "hashconnect";
import { AccountId, LedgerId } from "@hashgraph/sdk";
import { KeyValueStorage } from "@walletconnect/keyvaluestorage";
import QRCode from "qrcode/lib/core/qrcode.js";
import { PREFIX, useRelay } from "./core.js";
import { transactionFor } from "./payment.js";

const LEDGERS = { mainnet: LedgerId.MAINNET, testnet: LedgerId.TESTNET, previewnet: LedgerId.PREVIEWNET };
const USER_REJECTED = new Set([4001, 5000, 5001, 5002]);
const UNSUPPORTED_CHAINS = new Set([5100, 5101, 5102, 5103, 5104]);

export class WalletError extends Error {
  /** @param code rejected | wrong_network | stale | failed */
  constructor(code, detail = "") {
    super(detail || code);
    this.code = code;
  }
}

/** Reach the relay, and take up the session of an earlier visit if there is one.

   @param options {network, project, relay, name, description, url, icons}
   @param told called with the wallet when it goes away by itself */
export async function open(options, told) {
  useRelay(options.relay);
  const { name, description, url, icons } = options;
  const hash = new HashConnect(LEDGERS[options.network], options.project, { name, description, url, icons }, false);
  const wallet = new Wallet(hash);
  hash.disconnectionEvent.on(() => told?.(wallet));
  await hash.init();
  wallet.listen();
  return wallet;
}

/** Forget every session and key of earlier visits: what is stale cannot be mended. */
export async function forgetAll() {
  const kept = new KeyValueStorage();
  for (const key of await kept.getKeys()) {
    if (key.includes(PREFIX)) await kept.removeItem(key);
  }
}

class Wallet {
  #hash;
  #paired = null; // {accounts, network, name}
  #waiting = null; // of paired()

  constructor(hash) {
    this.#hash = hash;
    hash.pairingEvent.on((data) => {
      this.#paired = { accounts: data.accountIds, network: data.network, name: data.metadata?.name ?? "" };
      this.#waiting?.resolve(this.#paired);
    });
    hash.disconnectionEvent.on(() => {
      this.#paired = null;
    });
  }

  /** Hear how the wallet answers a pairing: HashConnect itself only writes a refusal to the console. */
  listen() {
    const client = this.#hash._signClient;
    client.core.relayer.events.setMaxListeners?.(50);
    client.engine.events.on("session_connect", ({ error }) => {
      if (error) this.#waiting?.reject(asWalletError(error));
    });
    client.on("session_expire", () => {
      this.#paired = null;
    });
  }

  /** The session with a wallet, or null. */
  get session() {
    return this.#paired;
  }

  /** Return what a wallet scans, `wc:…`, and a promise of the session that comes of it.

     @throws WalletError (the promise) */
  async pair() {
    // The first link was made with the connection; each answers once.
    if (this.#waiting !== null || !this.#hash.pairingString) await this.#hash.generatePairingString();
    this.#waiting = Promise.withResolvers();
    this.#waiting.promise.catch(() => undefined); // whoever went away does not hear it
    return { link: this.#hash.pairingString, session: this.#waiting.promise };
  }

  /** Ask the wallet to sign and send a payment; return the transaction's id, 0.0.x@seconds.nanoseconds.

     @throws WalletError */
  async pay(payment, from) {
    const signer = this.#hash.getSigner(AccountId.fromString(from));
    const transaction = transactionFor(payment, from);
    try {
      await transaction.freezeWithSigner(signer);
      // Not sendTransaction: that asks the network for a receipt, and its failure would not mean "unpaid".
      const answer = await transaction.executeWithSigner(signer);
      return String(answer?.transactionId ?? transaction.transactionId);
    } catch (error) {
      throw asWalletError(error);
    }
  }

  /** Part with the wallet, and forget it. */
  async forget() {
    this.#paired = null;
    try {
      await this.#hash.disconnect();
      await this.#hash._signClient.core.relayer.transportClose();
    } finally {
      await forgetAll();
    }
  }
}

/** Draw a text as a QR code: the side in modules with a margin of four, and the path of an SVG to be stroked. */
export function qr(text) {
  const { modules } = QRCode.create(text, { errorCorrectionLevel: "M" });
  let path = "";
  for (let row = 0; row < modules.size; row++) {
    for (let from = 0, to; from < modules.size; from = to + 1) {
      for (to = from; to < modules.size && modules.get(row, to); to++);
      if (to > from) path += `M${from + 4} ${row + 4.5}h${to - from}`;
    }
  }
  return { side: modules.size + 8, path };
}

function asWalletError(error) {
  if (error instanceof WalletError) return error;
  const code = Number(error?.code);
  const text = String(error?.message ?? error ?? "");
  if (USER_REJECTED.has(code) || /reject|declin|cancel/i.test(text)) return new WalletError("rejected", text);
  if (UNSUPPORTED_CHAINS.has(code)) return new WalletError("wrong_network", text);
  if (/no matching key|no session|session topic|not found/i.test(text)) return new WalletError("stale", text);
  return new WalletError("failed", text);
}
