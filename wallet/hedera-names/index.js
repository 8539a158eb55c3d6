/* What HashConnect takes from @hashgraph/hedera-wallet-connect: the names of HIP-820 and a few translations.
   The original brings a second copy of Hedera's SDK (2.3 MB, and its objects are no instances of ours), so package.json
   puts this in its place. Each answers what the original answers. */

import { proto } from "@hashgraph/proto";
import { Buffer } from "buffer";

export const HederaChainId = Object.freeze({
  Mainnet: "hedera:mainnet",
  Testnet: "hedera:testnet",
  Previewnet: "hedera:previewnet",
  Devnet: "hedera:devnet",
});

export const HederaJsonRpcMethod = Object.freeze({
  GetNodeAddresses: "hedera_getNodeAddresses",
  ExecuteTransaction: "hedera_executeTransaction",
  SignMessage: "hedera_signMessage",
  SignAndExecuteQuery: "hedera_signAndExecuteQuery",
  SignAndExecuteTransaction: "hedera_signAndExecuteTransaction",
  SignTransaction: "hedera_signTransaction",
});

/** Name a network as WalletConnect does (CAIP-2). */
export function ledgerIdToCAIPChainId(ledgerId) {
  return Object.values(HederaChainId).find((name) => name === `hedera:${ledgerId}`) ?? HederaChainId.Devnet;
}

/** Say what a session is to hold. */
export function networkNamespaces(ledgerId, methods, events) {
  return { hedera: { chains: [ledgerIdToCAIPChainId(ledgerId)], methods, events } };
}

export function prefixMessageToSign(message) {
  return `\x19Hedera Signed Message:\n${message.length}${message}`;
}

export function Uint8ArrayToBase64String(bytes) {
  return Buffer.from(bytes).toString("base64");
}

export function base64StringToSignatureMap(text) {
  return proto.SignatureMap.decode(Buffer.from(text, "base64"));
}

/** Write a transaction down; one that is not frozen yet is frozen for whatever node it names. */
export function transactionToBase64String(transaction) {
  if (!transaction.isFrozen()) transaction.freeze();
  return Uint8ArrayToBase64String(transaction.toBytes());
}
