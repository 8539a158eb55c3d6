/* WalletConnect's core as HashConnect makes it, with what HashConnect does not let us say: which relay to use, under
   which name to keep its things, and that it must not open a frame at another site to vouch for ours (the content policy
   forbids frames, and no wallet for Hedera asks). build.mjs puts this in the place of @walletconnect/core. */

import { Core as Plain } from "../node_modules/@walletconnect/core/dist/index.es.js";

export * from "../node_modules/@walletconnect/core/dist/index.es.js";

export const PREFIX = "provvypay-wallet";
let relayUrl;

/** Choose the relay of every core that is made from now on. */
export function useRelay(url) {
  relayUrl = url;
}

export class Core extends Plain {
  constructor(options) {
    super({ ...options, relayUrl, customStoragePrefix: PREFIX });
    this.verify.verifyDisabled = true;
    // Its own second try goes to a relay nobody chose; ours goes to the one that was.
    const { relayer } = this;
    const again = relayer.restartTransport.bind(relayer);
    relayer.restartTransport = () => again();
  }
}

export default Core;
