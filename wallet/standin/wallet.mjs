/* A wallet that stands in for a customer's: real WalletConnect (sign-client), real transactions decoded by Hedera's SDK,
   and the sandbox's ledger instead of the network. What a person would tap is set beforehand. */

import { ContractExecuteTransaction, Transaction, TransferTransaction } from "@hashgraph/sdk";
import * as sign from "@walletconnect/sign-client";

const SignClient = sign.SignClient ?? sign.default.SignClient ?? sign.default.default;
const METADATA = { name: "Stand-in wallet", description: "Signs on the sandbox's ledger", url: "http://127.0.0.1", icons: [] };
const REJECTED = { code: 5000, message: "User rejected." };
const WRONG_CHAIN = { code: 5100, message: "Unsupported chains." };

export const ANSWERS = ["approve", "reject", "ignore"];
const CALM = { account: "0.0.2001", network: "testnet", pairing: "approve", signing: "approve" };

export class StandIn {
  /** What the person at this wallet does. */
  habits = { ...CALM };
  /** Every transaction that was asked for, oldest first, with what came of it. */
  asked = [];
  #client = null;

  /** @param sandbox the address of the sandbox, without a slash at its end */
  constructor(sandbox) {
    this.sandbox = sandbox;
  }

  /** Whether it can be paired. */
  get ready() {
    return this.#client !== null;
  }

  async start(relayUrl) {
    const kept = new Map();
    const storage = {
      getKeys: async () => [...kept.keys()],
      getEntries: async () => [...kept.entries()],
      getItem: async (key) => kept.get(key),
      setItem: async (key, value) => void kept.set(key, value),
      removeItem: async (key) => void kept.delete(key),
    };
    const options = { projectId: "0".repeat(32), relayUrl, metadata: METADATA, storage, logger: "silent" };
    const client = await SignClient.init(options);
    client.on("session_proposal", (proposal) => this.#quietly(this.#propose(proposal)));
    client.on("session_request", (request) => this.#quietly(this.#request(request)));
    this.#client = client;
  }

  /** Scan what the page shows: `wc:…`. */
  async pair(uri) {
    // sign-client hands out one request at a time; one that was ignored would keep all later ones waiting
    Object.assign(this.#client.engine.sessionRequestQueue, { state: "IDLE", queue: [] });
    await this.#client.pair({ uri });
  }

  /** Behave otherwise from now on; null: as at first. */
  behave(habits) {
    this.habits = habits === null ? { ...CALM } : { ...this.habits, ...habits };
  }

  sessions() {
    return this.#client.session.getAll().map((one) => ({ topic: one.topic, accounts: one.namespaces.hedera?.accounts ?? [] }));
  }

  async forget() {
    const reason = { code: 6000, message: "User disconnected." };
    for (const { topic } of this.#client.session.getAll()) await this.#client.disconnect({ topic, reason });
  }

  async #propose({ id, params }) {
    const { account, network, pairing } = this.habits;
    if (pairing === "ignore") return;
    if (pairing === "reject") return await this.#client.reject({ id, reason: REJECTED });
    const wanted = params.requiredNamespaces.hedera ?? params.optionalNamespaces.hedera;
    const chain = `hedera:${network}`;
    // A wallet on another network cannot give what was required; it says so, as HashPack does.
    if (!wanted.chains.includes(chain)) return await this.#client.reject({ id, reason: WRONG_CHAIN });
    const hedera = { chains: [chain], accounts: [`${chain}:${account}`], methods: wanted.methods, events: wanted.events };
    const { acknowledged } = await this.#client.approve({ id, namespaces: { hedera } });
    return await acknowledged();
  }

  async #request({ id, topic, params }) {
    const { method, params: given } = params.request;
    const { signing } = this.habits;
    const note = { method, answer: signing };
    this.asked.push(note);
    if (signing === "ignore") return;
    const answer = signing === "reject" ? { error: REJECTED } : await this.#sign(method, given, note);
    await this.#client.respond({ topic, response: { id, jsonrpc: "2.0", ...answer } });
  }

  async #sign(method, given, note) {
    if (method !== "hedera_signAndExecuteTransaction") return { error: { code: -32601, message: `No ${method} here` } };
    const wanted = decoded(given.transactionList);
    note.transaction = wanted;
    const answer = await fetch(`${this.sandbox}/_control/mirror_node/wallet/submit`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(wanted),
    });
    const said = await answer.json();
    note.status = said.status ?? said.error ?? answer.status;
    if (said.status !== "SUCCESS") return { error: { code: 9000, message: `The network said ${note.status}`, data: note.status } };
    const result = { transactionId: said.transaction_id, nodeId: said.node_id, transactionHash: said.transaction_hash };
    return { result };
  }

  async #quietly(promise) {
    try {
      await promise;
    } catch (error) {
      console.error(`stand-in wallet: ${error?.message ?? JSON.stringify(error)}`);
    }
  }
}

/** Say what a transaction does, in the sandbox's words; amounts as text, for they may be beyond a number of JavaScript. */
export function decoded(transactionList) {
  const transaction = Transaction.fromBytes(Buffer.from(transactionList, "base64"));
  const wanted = { transaction_id: String(transaction.transactionId), memo: transaction.transactionMemo };
  if (transaction instanceof TransferTransaction) {
    const lines = [...transaction.hbarTransfers].map(([account, amount]) => line(account, amount.toTinybars()));
    if (lines.length > 0) wanted.transfers = lines;
    const tokens = [...transaction.tokenTransfers].flatMap(([token, moves]) =>
      [...moves].map(([account, amount]) => ({ token_id: String(token), ...line(account, amount) })),
    );
    if (tokens.length > 0) wanted.token_transfers = tokens;
  } else if (transaction instanceof ContractExecuteTransaction) {
    wanted.contract_call = {
      contract_id: String(transaction.contractId),
      gas: String(transaction.gas),
      function_parameters: `0x${Buffer.from(transaction.functionParameters).toString("hex")}`,
    };
  } else {
    throw new Error(`a ${transaction.constructor.name} is nothing this wallet signs`);
  }
  return wanted;
}

function line(account, amount) {
  return { account: String(account), amount: String(amount) };
}
