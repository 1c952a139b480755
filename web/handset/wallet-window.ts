/** The name of the window that a handset inside a frame opens for the wallet. */
export const WALLET_WINDOW = "unqueue-wallet";

/** Whether this is that window, led back here by the wallet: it has done its work, and closes. */
export function closeWalletWindow(): boolean {
  if (window.name !== WALLET_WINDOW || window.opener === null) return false;
  window.close();
  return true;
}
