/* A payment as a transaction of Hedera's SDK. Amounts are text and become 64-bit integers: never numbers of JavaScript. */

import {
  AccountId,
  ContractExecuteTransaction,
  ContractFunctionParameters,
  ContractId,
  Hbar,
  Long,
  TokenId,
  TransferTransaction,
} from "@hashgraph/sdk";

/** What a transfer of an ERC-20 token may use; what is left over is given back up to a fifth. */
const GAS = 150_000;
const WHOLE = /^[1-9]\d{0,18}$/;
const MOST = 2n ** 63n - 1n;

/** Make the transaction, not yet frozen.

   @param payment {kind: native | hts | erc20, units, to, address, entity, memo}: text all of it; `address` is where a
     contract credits the receiver, `entity` the token or the contract
   @param from the account that pays, 0.0.x */
export function transactionFor(payment, from) {
  const { kind, units, to, entity, memo } = payment;
  if (!WHOLE.test(units) || BigInt(units) > MOST) throw new RangeError(`${units} is no amount`);
  const payer = AccountId.fromString(from);
  if (kind === "erc20") {
    const parameters = new ContractFunctionParameters().addAddress(payment.address).addUint256(Long.fromString(units));
    return new ContractExecuteTransaction()
      .setContractId(ContractId.fromString(entity))
      .setGas(GAS)
      .setFunction("transfer", parameters)
      .setTransactionMemo(memo);
  }
  const amount = Long.fromString(units);
  const transaction = new TransferTransaction().setTransactionMemo(memo);
  if (kind === "hts") {
    const token = TokenId.fromString(entity);
    return transaction.addTokenTransfer(token, payer, amount.negate()).addTokenTransfer(token, to, amount);
  }
  if (kind !== "native") throw new RangeError(`${kind} is no kind of token`);
  return transaction
    .addHbarTransfer(payer, Hbar.fromTinybars(amount.negate()))
    .addHbarTransfer(to, Hbar.fromTinybars(amount));
}
