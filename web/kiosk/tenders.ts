/** What a way to pay looks like, by its provider's kind; what is not known is some wallet. */
export type TenderLook = "cash" | "card" | "stored" | "wallet";

const LOOKS: Readonly<Record<string, TenderLook>> = {
  cash: "cash",
  nexo_terminal: "card",
  zvt_terminal: "card",
  stored_value: "stored",
};

export function lookOf(kind: string): TenderLook {
  return LOOKS[kind] ?? "wallet";
}
