/* WalletConnect's logger, made silent: it counts each refusal in the wallet as an error of the console. What matters reaches
   the page as an error with a code. build.mjs puts this in the place of @walletconnect/logger. */

import { getDefaultLoggerOptions as plain } from "../node_modules/@walletconnect/logger/dist/index.es.js";

export * from "../node_modules/@walletconnect/logger/dist/index.es.js";

export function getDefaultLoggerOptions(options) {
  return plain({ ...options, level: "silent" });
}
