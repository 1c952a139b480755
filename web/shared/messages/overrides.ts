import type { Message } from "./format.ts";

export const overrides = {
  "overrides.title": { zh: "放行记录", en: "Overrides" },
  "overrides.means": {
    zh: "店员对呼叫的每个回答，和手动开的门：谁、什么时候、为什么。",
    en: "Each answer of staff to a call, and each gate opened by hand: who, when and why.",
  },
  "overrides.order": { zh: "订单号", en: "Order number" },
  "overrides.of_order": { zh: "订单 {number} 的记录，不论哪一天", en: "Order {number}, of whatever day" },
  "overrides.all_orders": { zh: "看所有订单", en: "All orders" },
  "overrides.find": { zh: "查找", en: "Find" },
  "overrides.none": { zh: "这段时间没有记录", en: "Nothing was decided in these days" },
  "overrides.more": { zh: "再看更早的", en: "Show earlier ones" },
  "overrides.order_short": { zh: "订单 {number}", en: "Order {number}" },
  "overrides.no_reason": { zh: "没有写原因", en: "No reason was given" },
  "overrides.event": { zh: "日志第 {event} 条", en: "Event {event} of the journal" },
  "overrides.nothing": { zh: "商品都对", en: "All was right" },
  "overrides.unpaid": { zh: "有商品没付款", en: "Something was not paid" },
  "overrides.unpaid_worth": { zh: "没付款的商品 {worth}", en: "Not paid: {worth}" },
  "overrides.does_not_fit": {
    zh: "日志里说的不一样：这条记录被改过，请找管理员",
    en: "The journal says otherwise: this was changed afterwards. Please tell IT.",
  },
  "overrides.chain_whole": {
    zh: "日志的 {events} 条都核对过，没有被改动",
    en: "All {events} events of the journal were checked: unbroken",
  },
  "overrides.chain_checking": {
    zh: "正在核对日志：{events} 条里的 {checked} 条，到现在没有被改动",
    en: "The journal is being checked: {checked} of {events} events, unbroken so far",
  },
  "overrides.chain_broken": {
    zh: "日志从第 {event} 条起被改动过，请找管理员",
    en: "The journal was changed: it breaks at event {event}. Please tell IT.",
  },
  "overrides.gate": { zh: "手动开门", en: "Gate by hand" },
  "overrides.open_gate": { zh: "开了门", en: "Gate opened" },
  "overrides.gate_stayed_shut": { zh: "要开门，门没有开", en: "Asked for; the gate stayed shut" },
} as const satisfies Record<string, Message>;
