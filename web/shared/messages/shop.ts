import type { Message } from "./format.ts";

export const shop = {
  "shop.title": { zh: "我的订单", en: "Your order" },
  "shop.order": { zh: "订单 {number}", en: "Order {number}" },
  "shop.items": { zh: "{count} 件商品", en: "{count:item|items}" },
  "shop.to_pay": { zh: "应付", en: "To pay" },
  "shop.lines": { zh: "商品", en: "Items" },
  "shop.age": {
    zh: "订单里有限龄商品，出场时请准备好证件。",
    en: "An item has an age limit: please have your ID ready at the exit.",
  },

  "shop.methods": { zh: "付款方式", en: "Ways to pay" },
  "shop.pay_with": { zh: "用{method}付 {amount}", en: "Pay {amount} with {method}" },
  "shop.methods_none": {
    zh: "这里暂时不能付款，请到店里的付款机，或问一下店员。",
    en: "You can’t pay here just now. Please use a pay point in the store, or ask a member of staff.",
  },
  "shop.pending_hint": {
    zh: "付款页面还开着。付好以后，这里会自己更新。",
    en: "The payment page is still open. Once you have paid, this page follows by itself.",
  },
  "shop.continue": { zh: "继续付款", en: "Go on paying" },
  "shop.give_up": { zh: "不用这个方式付了", en: "Don’t pay this way" },
  "shop.failed_hint": {
    zh: "没有扣款。请再试一次，或换一种方式。",
    en: "Nothing was taken. Try again, or choose another way.",
  },

  "shop.pass": { zh: "出场码", en: "Exit pass" },
  "shop.pass_hint": {
    zh: "在出口通道出示，把商品放上传送带",
    en: "Show it at an exit lane and lay your goods on the belt",
  },
  "shop.pass_offline_lane": {
    zh: "通道断网时，请走 {name} 号通道",
    en: "If the lanes are offline, use lane {name}",
  },
  "shop.pass_fresh": {
    zh: "它会自己换新，请勿截图",
    en: "It renews itself, so a screenshot won’t do",
  },
  "shop.pass_qr": { zh: "出场码，订单 {number}", en: "Exit pass of order {number}" },
  "shop.pass_waiting": { zh: "正在取出场码…", en: "Fetching your exit pass…" },
  "shop.receipt_waiting": { zh: "正在取小票…", en: "Fetching your receipt…" },
  "shop.at_lane": { zh: "已经到出口通道，请看通道屏幕", en: "You are at the lane: please watch its screen" },
  "shop.at_bay": {
    zh: "请带商品到旁边的服务位，店员会帮您",
    en: "Please take your goods to the side bay. We will help you there.",
  },
  "shop.pass_at_bay": {
    zh: "那里有扫码口的话，请再出示一次",
    en: "If there is a scanner, please show your pass again.",
  },

  "shop.left": { zh: "谢谢光临，慢走", en: "Thank you, and see you soon" },
  "shop.left_hint": { zh: "小票留在这里，可以打印或保存。", en: "Your receipt stays here, to print or keep." },
  "shop.closed": { zh: "这个二维码已经失效", en: "This QR code is no longer valid" },
  "shop.closed_hint": {
    zh: "购物袋又打开了。买好以后，请出示新的二维码。没有扣过款。",
    en: "The basket was opened again. When you have finished, please show the new code. Nothing was charged.",
  },
  "shop.unknown": { zh: "没有找到这张订单", en: "We can’t find this order" },
  "shop.unknown_hint": {
    zh: "请再扫一次购物机上的二维码，或问一下店员。",
    en: "Please scan the code on your handset again, or ask a member of staff.",
  },
  "shop.offline": { zh: "网络断开，正在重新连接", en: "No connection. Trying again." },
} as const satisfies Record<string, Message>;
