import type { Decision, StuckPayment } from "../types.ts";

export const REASON_LENGTH_MAX = 500;
export const REFERENCE_LENGTH_MAX = 64;

export type HowKnown = "terminal" | "slip" | "portal" | "cash" | "dead" | "other";

/** Of a kiosk's cash nobody but the kiosk can say that it arrived. */
export function isCash(one: Pick<StuckPayment, "decide" | "payment">): boolean {
  return !one.decide.includes("succeeded") && one.payment.place !== "";
}

/** How one can know what became of a payment: of a kiosk's cash otherwise than of a card or a wallet. */
export function waysToKnow(one: Pick<StuckPayment, "decide" | "payment">, status: Decision["status"]): HowKnown[] {
  if (isCash(one)) return ["cash", "dead", "other"];
  return status === "succeeded" ? ["terminal", "slip", "portal", "other"] : ["terminal", "portal", "dead", "other"];
}

/** What is still missing before it can be sent, in the order of the form; null: nothing. */
export function missing(
  one: Pick<StuckPayment, "decide">,
  decision: Decision | null,
): "status" | "reference" | "reason" | null {
  if (decision === null || !one.decide.includes(decision.status)) return "status";
  if (decision.status === "succeeded" && decision.reference.trim() === "") return "reference";
  return decision.reason.trim() === "" ? "reason" : null;
}
