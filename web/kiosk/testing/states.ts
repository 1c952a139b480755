/**
 * States of the kiosk's screen for its tests: every phase, and in each what can come with it. The compiler checks them
 * against the contract; `node web/kiosk/testing/states.ts` prints them as JSON for the tests in a browser.
 */
import type { KioskCash, KioskOrder, KioskState, Line, Money } from "../../shared/types.ts";

const yuan = (amount_minor: number): Money => ({ amount_minor, currency: "CNY" });

function line(number: number, name_zh: string, name_en: string, each: number, more: Partial<Line> = {}): Line {
  const quantity = more.quantity ?? 1;
  const off = (more.discounts ?? []).reduce((sum, { amount }) => sum + amount.amount_minor, 0);
  return {
    line: number,
    product_id: `p-${number}`,
    gtin: `0690123456${7000 + number}`,
    name_zh,
    name_en,
    brand: "",
    category: "grocery",
    sold_by: "piece",
    quantity,
    weight_g: null,
    net_weight_g: 500,
    quantity_text: "500 g",
    unit_price: yuan(each),
    unit: "piece",
    subtotal: yuan(each * quantity),
    discount: yuan(off),
    deposit: yuan(0),
    total: yuan(each * quantity - off),
    discounts: [],
    age_limit: null,
    eas: false,
    ...more,
  };
}

const lines: readonly Line[] = [
  line(1, "全脂纯牛奶 1 升", "Whole milk, 1 litre", 1290, {
    quantity: 2,
    discounts: [{ promotion_id: "half", zh: "第二件半价", en: "Second at half price", amount: yuan(645) }],
  }),
  line(2, "红富士苹果", "Fuji apples", 1180, {
    sold_by: "weight",
    weight_g: 1235,
    unit: "kg",
    subtotal: yuan(1457),
    total: yuan(1457),
  }),
  line(3, "全麦切片面包", "Wholemeal sliced bread", 990),
  line(4, "青岛啤酒 500 毫升罐装", "Tsingtao beer, 500 ml can", 650, {
    quantity: 4,
    age_limit: 18,
    deposit: yuan(200),
    total: yuan(2800),
  }),
  line(5, "特级初榨橄榄油，冷压，西班牙产", "Extra virgin olive oil, cold pressed, from Spain", 5990),
];
const total = lines.reduce((sum, { total: { amount_minor } }) => sum + amount_minor, 0);

const order: KioskOrder = {
  id: "order-1",
  number: "104729389",
  item_count: 9,
  lines,
  total: yuan(total),
  payable: yuan(total),
  paid: yuan(0),
  due: yuan(total),
  coupons: [],
  payments: [],
};

const extended: KioskOrder = {
  ...order,
  payable: yuan(total - 1000),
  paid: yuan(5000),
  due: yuan(total - 6000),
  coupons: [
    {
      id: "redemption-1",
      coupon_id: "spring",
      zh: "满 50 减 10",
      en: "10 off over 50",
      amount: yuan(1000),
      funded_by: "store",
      status: "reserved",
      lines: [],
    },
  ],
  payments: [
    { id: "pay-1", method: "giftcard", zh: "购物卡", en: "Gift card", amount: yuan(5000), status: "succeeded" },
    { id: "pay-2", method: "card", zh: "银行卡", en: "Bank card", amount: yuan(6237), status: "failed" },
  ],
};

const paid: KioskOrder = {
  ...extended,
  paid: extended.payable,
  due: yuan(0),
  payments: [
    ...extended.payments,
    { id: "pay-3", method: "cash", zh: "现金", en: "Cash", amount: extended.due, status: "succeeded" },
  ],
};

const methods: KioskState["methods"] = [
  { method: "wechat", zh: "微信支付", en: "WeChat Pay", kind: "wechat_pay", ready: true, detail: "" },
  { method: "alipay", zh: "支付宝", en: "Alipay", kind: "alipay", ready: true, detail: "" },
  { method: "card", zh: "银行卡", en: "Bank card", kind: "nexo_terminal", ready: false, detail: "no answer" },
  { method: "cash", zh: "现金", en: "Cash", kind: "cash", ready: true, detail: "" },
  { method: "giftcard", zh: "购物卡", en: "Gift card", kind: "stored_value", ready: true, detail: "" },
];

const takes = (name: string, credited: number) => ({ denomination: name, credited: yuan(credited) });

const cash: KioskCash = {
  due: yuan(8642),
  cash_due: yuan(8640),
  rounding: yuan(-2),
  inserted: yuan(5000),
  remaining: yuan(3640),
  to_give: [],
  accepted: [
    ...[10, 50, 100].map((value) => takes(`CNY-${value}-coin`, value)),
    ...[100, 500, 1000, 2000, 5000].map((value) => takes(`CNY-${value}-note`, value)),
    takes("EUR-500-note", 3905),
    takes("USD-1000-note", 7124),
  ],
  refused: [
    {
      denomination: "CNY-10000-note",
      reason: "change",
      zh: "机内零钱不足，暂时找不开¥100.00 纸币",
      en: "There is not enough change in the machine for ¥100.00 notes now.",
    },
    {
      denomination: "EUR-5000-note",
      reason: "change",
      zh: "机内零钱不足，暂时找不开€50.00 纸币",
      en: "There is not enough change in the machine for €50.00 notes now.",
    },
    { denomination: "CNY-1-coin", reason: "full", zh: "钱箱已满，暂不收¥0.01 硬币", en: "The cashbox is full." },
    { denomination: "CNY-2-coin", reason: "some new one", zh: "暂不收", en: "Not now." },
  ],
  dispensed: {},
  debts: [],
};

const change: KioskCash = {
  ...cash,
  inserted: yuan(10000),
  remaining: yuan(0),
  to_give: [yuan(1360)],
  accepted: [],
  refused: [],
  dispensed: { "CNY-1000-note": 1, "CNY-100-coin": 2 },
};

const owed: KioskCash = {
  ...change,
  to_give: [],
  debts: [
    { number: "K1-0042", amount: yuan(160), in_doubt: false },
    { number: "K1-0043", amount: yuan(0), in_doubt: true },
  ],
};

/** A code of 21 × 21 modules in shape only: no scanner reads it, and no test asks one to. */
function drawnCode(): string {
  const dark: string[] = [];
  for (let y = 0; y < 21; y += 1)
    for (let x = 0; x < 21; x += 1) {
      const [dx, dy] = [Math.min(x, 20 - x), Math.min(y, 20 - y)];
      const corner = !(x > 12 && y > 12) && dx < 7 && dy < 7;
      const ring = Math.max(Math.abs(dx - 3), Math.abs(dy - 3));
      if (corner ? ring !== 2 : (x * 7 + y * 13 + x * y * 3) % 5 < 2) dark.push(`M${x + 4} ${y + 4}h1v1h-1z`);
    }
  return `<svg viewBox="0 0 29 29"><path fill="#fff" d="M0 0h29v29H0z"/><path d="${dark.join("")}"/></svg>`;
}

const base: KioskState = {
  kiosk: "kiosk-1",
  name: "1",
  seq: 1,
  phase: "welcome",
  language: "zh",
  prompt: { id: "welcome", zh: "请在这里付款", en: "Pay here" },
  voice: "welcome",
  order: null,
  basket: null,
  methods,
  tender: null,
  cash: null,
  notice: null,
  timeout: null,
  help: "none",
  receipt: null,
  devices: { scanner: "ready", printer: "ready", cash: "ready", server: "ready" },
};

function state(
  phase: KioskState["phase"],
  prompt: { readonly id: string; readonly zh: string; readonly en: string },
  more: Partial<KioskState> = {},
): KioskState {
  return { ...base, phase, prompt, voice: prompt.id, ...more };
}

function tender(method: string, more: Partial<NonNullable<KioskState["tender"]>> = {}): KioskState["tender"] {
  const { zh, en, kind } = methods.find((one) => one.method === method)!;
  return { method, zh, en, kind, amount: order.due, qr_svg: null, since: "2026-01-02T03:04:05Z", ...more };
}

const choose = { id: "choose_tender", zh: "请看一下，然后选择怎么付", en: "Please have a look and choose how to pay" };
const pay = { id: "pay_now", zh: "请付款", en: "Please pay" };
const insert = { id: "insert_cash", zh: "请放入纸币或硬币", en: "Please put in coins or notes" };
const give = { id: "giving_back", zh: "正在退回您付的钱", en: "We are giving your money back" };
const thanks = { id: "thanks", zh: "谢谢，已付清", en: "Thank you. All is paid." };

export const states = {
  welcome: base,
  welcome_wrong_number: {
    ...base,
    notice: {
      code: "order_unknown",
      zh: "没有这个订单，请再看一下号码",
      en: "There is no such order. Please look again.",
    },
  },
  order: state("order", choose, { order }),
  order_empty: state("order", choose, { order: { ...order, lines: [], item_count: 0 } }),
  order_extended: state("order", choose, { order: extended }),
  order_declined: state("order", choose, {
    order: extended,
    notice: {
      code: "payment_declined",
      zh: "银行卡没有付成，请换一种方式",
      en: "The card was declined. Please choose another way.",
    },
  }),
  order_free: state("order", choose, { order: { ...extended, payable: yuan(5000), due: yuan(0) } }),
  order_no_tender: state("order", choose, {
    order,
    methods: methods.map((method) => ({ ...method, ready: false })),
    devices: { scanner: "ready", printer: "failed", cash: "busy", server: "ready" },
  }),
  order_timeout: state("order", choose, { order: extended, timeout: { seconds_left: 20 } }),
  cash: state("tender", insert, { order, tender: tender("cash"), cash }),
  cash_begun: state("tender", insert, {
    order,
    tender: tender("cash"),
    cash: { ...cash, inserted: yuan(0), remaining: yuan(8640), accepted: cash.accepted.slice(0, 8), refused: [] },
  }),
  cash_change: state("tender", insert, { order, tender: tender("cash"), cash: change }),
  cash_owed: state("tender", insert, { order, tender: tender("cash"), cash: owed }),
  cash_timeout: state("tender", insert, { order, tender: tender("cash"), cash, timeout: { seconds_left: 9 } }),
  wallet: state("tender", pay, { order, tender: tender("wechat", { qr_svg: drawnCode() }) }),
  wallet_waiting: state("tender", pay, { order, tender: tender("wechat") }),
  card: state("tender", pay, { order, tender: tender("card") }),
  stored: state("tender", pay, { order: extended, tender: tender("giftcard", { amount: yuan(2000) }) }),
  giving_back: state("giving_back", give, { order: extended }),
  giving_back_cash: state("giving_back", give, {
    order: extended,
    cash: { ...owed, to_give: [yuan(3000), { amount_minor: 500, currency: "EUR" }] },
  }),
  paid: state("paid", thanks, { order: paid, receipt: { number: "R-20260102-000017", printed: true, problem: null } }),
  paid_change: state("paid", thanks, {
    order: paid,
    cash: { ...owed, to_give: [yuan(100)] },
    receipt: { number: "R-20260102-000017", printed: false, problem: null },
  }),
  paid_no_paper: state("paid", thanks, {
    order: paid,
    receipt: { number: "R-20260102-000017", printed: false, problem: "paper_out" },
    devices: { ...base.devices, printer: "failed" },
  }),
  paid_no_receipt: state("paid", thanks, { order: paid }),
  server_away: state("order", choose, {
    order: extended,
    devices: { ...base.devices, server: "failed" },
    help: "called",
    notice: { code: "server_away", zh: "商店的系统暂时没有回应", en: "The store’s system isn’t answering just now" },
  }),
  out_of_service: state(
    "out_of_service",
    { id: "out_of_service", zh: "这台付款机暂停使用", en: "This kiosk is closed just now" },
    { help: "called", devices: { scanner: "failed", printer: "ready", cash: "failed", server: "failed" } },
  ),
} as const satisfies Record<string, KioskState>;

if (import.meta.main) console.log(JSON.stringify(states));
