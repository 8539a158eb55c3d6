/* In the place of @walletconnect/modal: our own dialog shows the pairing link, under our own content policy. */

export class WalletConnectModal {}
