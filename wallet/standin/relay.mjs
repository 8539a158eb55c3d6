/* A WalletConnect relay ("irn": JSON-RPC over WebSocket) for this machine: a mailbox for each topic. It keeps what is
   published until somebody subscribes, as the real one does, and cannot read any of it. */

import { randomBytes } from "node:crypto";
import WebSocket from "ws";

const MOST_KEPT = 100; // messages of a topic

export class Relay {
  #subscribers = new Map(); // topic → Map(subscription → socket)
  #mailbox = new Map(); // topic → messages
  #next = 0;
  #server = new WebSocket.Server({ noServer: true });

  /** Take over the WebSockets of an HTTP server. */
  attach(http) {
    http.on("upgrade", (request, socket, head) => {
      this.#server.handleUpgrade(request, socket, head, (client) => this.#serve(client));
    });
  }

  #serve(client) {
    const own = new Map();
    client.on("message", (raw) => {
      const request = JSON.parse(String(raw));
      if (!request.method) return; // an answer to something we sent
      const result = this.#answer(client, own, request.method, request.params ?? {});
      client.send(JSON.stringify({ id: request.id, jsonrpc: "2.0", result }));
    });
    client.on("close", () => {
      for (const [id, topic] of own) this.#subscribers.get(topic)?.delete(id);
    });
    client.on("error", () => client.terminate());
  }

  #answer(client, own, method, params) {
    switch (method) {
      case "irn_subscribe":
        return this.#subscribe(client, own, params.topic);
      case "irn_batchSubscribe":
        return params.topics.map((topic) => this.#subscribe(client, own, topic));
      case "irn_unsubscribe":
        this.#subscribers.get(params.topic)?.delete(params.id);
        return own.delete(params.id);
      case "irn_batchFetchMessages":
      case "irn_fetchMessages":
        return { messages: [], hasMore: false };
      case "irn_publish":
        this.#publish(client, params);
        return true;
      default:
        return true;
    }
  }

  #subscribe(client, own, topic) {
    const id = randomBytes(32).toString("hex");
    own.set(id, topic);
    if (!this.#subscribers.has(topic)) this.#subscribers.set(topic, new Map());
    this.#subscribers.get(topic).set(id, client);
    const waiting = (this.#mailbox.get(topic) ?? []).filter((message) => message.from !== client);
    // after the answer that names the subscription
    for (const message of waiting) setImmediate(() => this.#push(client, id, topic, message));
    return id;
  }

  #publish(client, { topic, message, tag }) {
    const kept = this.#mailbox.get(topic) ?? [];
    kept.push({ message, tag, from: client });
    this.#mailbox.set(topic, kept.slice(-MOST_KEPT));
    for (const [id, other] of this.#subscribers.get(topic) ?? []) {
      if (other !== client) this.#push(other, id, topic, { message, tag });
    }
  }

  #push(client, id, topic, { message, tag }) {
    const params = { id, data: { topic, message, tag, publishedAt: Date.now() } };
    const number = Date.now() * 1000 + (this.#next++ % 1000);
    client.send(JSON.stringify({ id: number, jsonrpc: "2.0", method: "irn_subscription", params }));
  }
}
