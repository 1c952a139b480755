import type { Channel, Payment, PaymentAction, PaymentMethod } from "./types.ts";

/** Where the shopper is, for one way to pay: in its wallet's own browser, in another one, or looking at this screen. */
export function channelFor(method: PaymentMethod): Channel {
  if (method.preferred && method.channels.includes("in_wallet")) return "in_wallet";
  return method.channels.includes("page") ? "page" : (method.channels[0] ?? "page");
}

/** The wallet whose browser this is comes first, then the order in which the store lists them. */
export function sorted(methods: readonly PaymentMethod[]): PaymentMethod[] {
  return [...methods].sort((one, other) => Number(other.preferred) - Number(one.preferred));
}

/** Ways that one chooses by a button; the store's own cards are paid with by their code. */
export const CARD_KIND = "stored_value";

export interface Bridge {
  invoke(name: string, fields: Record<string, string>, done: (answer: { err_msg: string }) => void): void;
}

/** The fields that a wallet's bridge takes are said by their provider's own names. */
const BRIDGE_CALL = "getBrandWCPayRequest";

/**
 * Do what a payment asks for next. Answers false where there is nothing to open: the page shows a code, or waits.
 * `target` is the window that a wallet's page opens in.
 */
export function follow(action: PaymentAction, target = "_self"): boolean {
  switch (action.kind) {
    case "redirect":
      window.open(action.url, target);
      return true;
    case "form":
      send(action, target);
      return true;
    case "bridge":
      withBridge((bridge) => bridge.invoke(BRIDGE_CALL, { ...action.fields }, () => undefined));
      return false;
    default:
      return false;
  }
}

/** Whether a payment under way can be opened (again) by the shopper. */
export function canFollow(payment: Payment | null): boolean {
  return payment?.action != null && ["redirect", "form", "bridge"].includes(payment.action.kind);
}

/** An HTML form, POST, as UnionPay's gateway takes it. */
function send(action: PaymentAction, target: string): void {
  const form = document.createElement("form");
  form.method = "post";
  form.action = action.url;
  form.target = target;
  form.acceptCharset = "utf-8";
  for (const [name, value] of Object.entries(action.fields)) {
    const field = document.createElement("input");
    field.type = "hidden";
    field.name = name;
    field.value = value;
    form.append(field);
  }
  document.body.append(form);
  form.submit();
  form.remove();
}

/** WeChat's browser makes its bridge some time after the page has loaded. */
function withBridge(use: (bridge: Bridge) => void): void {
  const found = (window as { WeixinJSBridge?: Bridge }).WeixinJSBridge;
  if (found) return use(found);
  const ready = () => {
    const bridge = (window as { WeixinJSBridge?: Bridge }).WeixinJSBridge;
    if (bridge) use(bridge);
  };
  document.addEventListener("WeixinJSBridgeReady", ready, { once: true });
}
