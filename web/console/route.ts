/** What the console shows; the address says it after `#`, so that reload and the browser's own “back” keep to it. */
export type View = "floor" | "figures" | "overrides" | "returns" | "cards" | "receipts" | "waiting";

const ADDRESSES: Readonly<Record<View, string>> = {
  floor: "#floor",
  figures: "#figures",
  overrides: "#overrides",
  returns: "#desk",
  cards: "#desk/cards",
  receipts: "#desk/receipts",
  waiting: "#desk/waiting",
};

export function addressOf(view: View): string {
  return ADDRESSES[view];
}

/** The view of an address; the floor for any other. */
export function viewOf(hash: string): View {
  const found = (Object.keys(ADDRESSES) as View[]).find((view) => ADDRESSES[view] === hash);
  return found ?? "floor";
}
