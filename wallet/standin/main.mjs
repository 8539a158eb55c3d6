/* The stand-in wallet and its relay on one loopback port:

     node wallet/standin/main.mjs PORT SANDBOX

   A person pairs it on its page; tests speak JSON: POST /pair {uri} · GET, POST /habits · GET /asked · POST /forget. */

import { createServer } from "node:http";
import { answer } from "./console.mjs";
import { Relay } from "./relay.mjs";
import { StandIn } from "./wallet.mjs";

const [port, sandbox] = process.argv.slice(2);
const wallet = new StandIn(sandbox.replace(/\/$/, ""));
const http = createServer((request, response) => void answer(wallet, request, response));
new Relay().attach(http);

http.on("error", (error) => {
  console.error(`stand-in wallet: ${error.message}`);
  process.exit(1);
});
http.listen(Number(port), "127.0.0.1", async () => {
  await wallet.start(`ws://127.0.0.1:${port}`);
  console.log(`The stand-in wallet is at http://127.0.0.1:${port}`);
});
// sign-client throws out of its own event handlers, as when a page leaves while its request lies here; the wallet goes on.
for (const event of ["unhandledRejection", "uncaughtException"]) {
  process.on(event, (error) => console.error(`stand-in wallet: ${String(error?.message ?? error).slice(0, 200)}`));
}
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(0));
