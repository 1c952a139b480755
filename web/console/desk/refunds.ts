import type { May } from "../api.ts";
import type { PaidBy, RefundWay } from "../types.ts";

export const REASON_LENGTH_MAX = 500;

/** What a role has to include for a way out of a refund that does not arrive. */
export function needsOf(way: RefundWay): May {
  return way === "by_hand" ? "hand_over" : "settle_refunds";
}

/** Whether all is said that a way needs: by what it was paid, and how somebody knows. */
export function isReady(way: RefundWay, paid_by: PaidBy | null, reason: string): boolean {
  if (way === "by_hand") return true;
  return reason.trim() !== "" && (way === "release" || paid_by !== null);
}
