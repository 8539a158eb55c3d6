/* What the stand-in wallet answers over HTTP: a page for a person, JSON for tests. */

import { ANSWERS } from "./wallet.mjs";

const MOST_BYTES = 64 * 1024;
const LOOPBACK = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;
const FIELDS = {
  account: (text) => /^0\.0\.\d+$/.test(text),
  network: (text) => ["testnet", "mainnet"].includes(text),
  pairing: (text) => ANSWERS.includes(text),
  signing: (text) => ANSWERS.includes(text),
};

class Wrong extends Error {}

export async function answer(wallet, request, response) {
  try {
    const path = new URL(request.url, "http://127.0.0.1").pathname;
    // Not for other sites: a page elsewhere must not be able to press these buttons.
    if (!LOOPBACK.test(request.headers.host ?? "")) throw new Wrong("This wallet is for this machine alone");
    if (request.method === "POST" && !["same-origin", "none", undefined].includes(request.headers["sec-fetch-site"])) {
      throw new Wrong("This form belongs to another site");
    }
    const json = (request.headers["content-type"] ?? "").includes("json");
    const given = request.method === "POST" ? read(await body(request), json) : {};
    const said = await act(wallet, request.method, path, given);
    if (said === undefined) send(response, 404, { error: "There is nothing here" });
    else if (said === PAGE) page(response, wallet);
    else if (request.method === "POST" && !json) response.writeHead(303, { Location: "/" }).end();
    else send(response, 200, said);
  } catch (error) {
    send(response, error instanceof Wrong ? 400 : 500, { error: String(error?.message ?? error) });
  }
}

const PAGE = Symbol("page");

async function act(wallet, method, path, given) {
  if (method === "GET" && path === "/") return PAGE;
  if (method === "GET" && path === "/health") return wallet.ready ? { ok: true } : undefined;
  if (method === "GET" && path === "/habits") return { ...wallet.habits, sessions: wallet.sessions() };
  if (method === "GET" && path === "/asked") return { asked: wallet.asked };
  if (method !== "POST") return undefined;
  if (path === "/pair") {
    const uri = String(given.uri ?? "").trim();
    if (!/^wc:[0-9a-f]{64}@2\?\S+$/.test(uri)) throw new Wrong("Paste the whole link from the payment page; it begins with wc:");
    await wallet.pair(uri);
    return { pairing: true };
  }
  if (path === "/habits") {
    wallet.behave(given.reset ? null : habits(given));
    return wallet.habits;
  }
  if (path === "/forget") {
    await wallet.forget();
    return { forgotten: true };
  }
  return undefined;
}

function habits(given) {
  for (const [name, value] of Object.entries(given)) {
    if (!FIELDS[name]?.(String(value))) throw new Wrong(`${name} cannot be ${value}`);
  }
  return given;
}

function read(text, json) {
  try {
    return json ? JSON.parse(text || "{}") : Object.fromEntries(new URLSearchParams(text));
  } catch {
    throw new Wrong("That is no JSON");
  }
}

async function body(request) {
  let text = "";
  for await (const part of request) {
    text += part;
    if (text.length > MOST_BYTES) throw new Wrong("Too long");
  }
  return text;
}

function send(response, status, said) {
  response.writeHead(status, { "Content-Type": "application/json", "Cache-Control": "no-store" });
  response.end(JSON.stringify(said));
}

function escaped(text) {
  return String(text).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

function choice(name, chosen, options) {
  const list = options.map((one) => `<option${one === chosen ? " selected" : ""}>${one}</option>`).join("");
  return `<label>${name} <select name="${name}">${list}</select></label>`;
}

function page(response, wallet) {
  const { account, network, pairing, signing } = wallet.habits;
  const rows = wallet.asked.map((one) => `<li><code>${escaped(JSON.stringify(one))}</code></li>`).reverse();
  const paired = wallet.sessions().flatMap((one) => one.accounts).map((one) => `<li><code>${escaped(one)}</code></li>`);
  response.writeHead(200, {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  });
  response.end(`<!doctype html><html lang="en"><meta charset="utf-8"><title>Stand-in wallet</title>
<h1>Stand-in wallet</h1>
<p>It stands in for HashPack on this machine, and pays on the sandbox's ledger. On the payment page choose a token, press
“Pay with a wallet”, copy the pairing link, and paste it here.</p>
<form method="post" action="/pair"><label>Pairing link <input name="uri" size="60" required autocomplete="off"></label> <button>Pair</button></form>
<h2>What its owner does</h2>
<form method="post" action="/habits"><label>account <input name="account" value="${escaped(account)}"></label>
${choice("network", network, ["testnet", "mainnet"])} ${choice("pairing", pairing, ANSWERS)} ${choice("signing", signing, ANSWERS)}
<button>Behave so</button></form>
<h2>Paired with</h2><ul>${paired.join("") || "<li>nobody</li>"}</ul>
<form method="post" action="/forget"><button>Disconnect all</button></form>
<h2>Asked to sign</h2><ol reversed>${rows.join("") || "<li>nothing yet</li>"}</ol></html>`);
}
