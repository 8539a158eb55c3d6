/* Bundle HashConnect into one file that the pay page fetches on a click:  node wallet/build.mjs OUTPUT_FILE

   Hedera's SDK is written for browsers too, but esbuild does not see that behind its `exports`; the two aliases below and
   package.json's override leave one copy of everything. */

import { join } from "node:path";
import { build } from "esbuild";

const here = import.meta.dirname ?? new URL(".", import.meta.url).pathname;
const [outfile] = process.argv.slice(2);

try {
  await build({
    entryPoints: [join(here, "src/hashconnect.js")],
    outfile,
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    charset: "utf8",
    legalComments: "none",
    logLevel: "error",
    preserveSymlinks: true, // hedera-names is a link, and finds its packages beside the others
    target: ["chrome123", "firefox121", "safari17.5"],
    define: {
      global: "globalThis",
      "process.env.NODE_ENV": '"production"',
      WebAssembly: "undefined", // long.js would try it, be refused by the content policy, and go on without
    },
    inject: [join(here, "src/no-console.js")],
    alias: {
      "@hashgraph/sdk": join(here, "node_modules/@hashgraph/sdk/src/browser.js"),
      "@walletconnect/core": join(here, "src/core.js"),
      "@walletconnect/logger": join(here, "src/logger.js"),
      "@walletconnect/modal": join(here, "src/no-modal.js"),
      "node-forge": join(here, "src/no-forge.js"), // reads private keys from files, which no payment page does
    },
  });
} catch (error) {
  if (!error.errors) console.error(error); // esbuild has said already where the mistake is
  process.exit(1);
}
