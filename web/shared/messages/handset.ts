import type { Message } from "./format.ts";

export const handset = {
  "handset.title": { zh: "自助购物", en: "Scan & go" },
  "handset.welcome": { zh: "边逛边扫，付款就走", en: "Scan as you shop, pay, walk out" },
  "handset.step_scan": { zh: "扫商品条码，放进自己的袋子", en: "Scan each product and put it in your bag" },
  "handset.step_pay": { zh: "选好了就提交订单，用手机付款", en: "Check out and pay on your phone" },
  "handset.step_leave": { zh: "在出口出示出场码，直接回家", en: "Show your pass at the exit and go home" },
  "handset.start": { zh: "开始购物", en: "Start shopping" },
  "handset.start_hint": {
    zh: "点一下，就会打开声音；摄像头由您决定。",
    en: "Sound comes on with this tap. The camera is up to you.",
  },
  "handset.visit_over": {
    zh: "上一次购物已经结束，请重新开始。",
    en: "That visit has ended. Please start again.",
  },

  "handset.bag": { zh: "购物袋", en: "Your bag" },
  "handset.count": { zh: "{count} 件", en: "{count:item|items}" },
  "handset.empty": { zh: "袋子还是空的", en: "Your bag is empty" },
  "handset.empty_hint": {
    zh: "扫一扫商品条码，商品就会出现在这里。",
    en: "Scan a barcode and the product appears here.",
  },
  "handset.code": { zh: "输入条码", en: "Type a code" },
  "handset.code_placeholder": { zh: "条码数字", en: "Barcode number" },
  "handset.letters": { zh: "换成字母键盘", en: "Switch to letters" },
  "handset.digits": { zh: "换成数字键盘", en: "Switch to digits" },

  "handset.added": { zh: "已添加 {name}，合计 {total}", en: "Added {name}. Total {total}" },
  "handset.kept": {
    zh: "已记下，连上网就加进来",
    en: "Kept. It will be added when the network is back.",
  },
  "handset.waiting": { zh: "等待网络", en: "Waiting for network" },
  "handset.sending": { zh: "正在添加…", en: "Adding…" },
  "handset.caught_up": {
    zh: "网络恢复了，已补上 {count} 件",
    en: "Back online. {count:item|items} added.",
  },
  "handset.total_later": {
    zh: "还有 {count} 件没有算进来",
    en: "{count:item|items} not counted yet",
  },
  "handset.refused": { zh: "没有添加：{code}", en: "Not added: {code}" },
  "handset.refused_change": { zh: "这个改动没有成功", en: "That change did not work" },
  "handset.removed": { zh: "已删除 {name}", en: "Removed {name}" },
  "handset.removed_many": { zh: "已删除 {count} 种商品", en: "Removed {count:product|products}" },
  "handset.quantity_now": { zh: "{name}：{count} 件", en: "{name}: {count}" },

  "handset.select": { zh: "多选", en: "Select" },
  "handset.select_all": { zh: "全选", en: "Select all" },
  "handset.select_none": { zh: "全不选", en: "Select none" },
  "handset.selected": { zh: "已选 {count} 种", en: "{count} selected" },
  "handset.select_line": { zh: "选择 {name}", en: "Select {name}" },
  "handset.each_more": { zh: "各加一件", en: "One more of each" },
  "handset.each_fewer": { zh: "各减一件", en: "One fewer of each" },

  "handset.more": { zh: "更多", en: "More" },
  "handset.end": { zh: "不买了，结束购物", en: "End without buying" },
  "handset.end_title": { zh: "结束购物？", en: "End this visit?" },
  "handset.end_text": {
    zh: "购物袋会被清空。请把商品放回货架，或交给店员。",
    en: "Your bag will be cleared. Please put the products back, or hand them to a member of staff.",
  },
  "handset.end_confirm": { zh: "清空并结束", en: "Clear and end" },
  "handset.keep_shopping": { zh: "继续购物", en: "Keep shopping" },

  "handset.details": { zh: "商品详情", en: "Product details" },
  "handset.details_of": { zh: "{name} 的详情", en: "Details of {name}" },
  "handset.details_offline": { zh: "连上网就能看到更多。", en: "More appears when you are online." },
  "handset.brand": { zh: "品牌", en: "Brand" },
  "handset.category": { zh: "分类", en: "Category" },
  "handset.price": { zh: "单价", en: "Price" },
  "handset.net_weight": { zh: "净含量", en: "Net weight" },
  "handset.measured_weight": { zh: "重量", en: "Weight" },
  "handset.code_number": { zh: "条码", en: "Code" },
  "handset.age_limit": { zh: "年龄限制", en: "Age limit" },
  "handset.age_hint": {
    zh: "有 {age} 岁以上商品，出口请出示证件",
    en: "Age {age}+ items: please have your ID ready at the exit",
  },
  "handset.offers": { zh: "优惠", en: "Offers" },

  "handset.submit": { zh: "提交订单", en: "Check out" },
  "handset.submit_waiting": { zh: "等待网络…", en: "Waiting for network…" },
  "handset.submit_later": {
    zh: "还有商品没传上去，连上网再试一次",
    en: "Some items are still waiting for the network. Please try again in a moment.",
  },

  "handset.order": { zh: "订单", en: "Order" },
  "handset.order_number": { zh: "订单号", en: "Order number" },
  "handset.order_hint": {
    zh: "在这里付款，或让别的手机扫这个码付款。",
    en: "Pay here, or let another phone scan this code.",
  },
  "handset.order_qr": { zh: "订单 {number} 的付款码", en: "Payment code of order {number}" },
  "handset.qr_full": { zh: "全屏显示", en: "Show full screen" },
  "handset.pay_with": { zh: "付款方式", en: "Pay with" },
  "handset.pay": { zh: "付款 {amount}", en: "Pay {amount}" },
  "handset.open_wallet": { zh: "打开钱包", en: "Open the wallet" },
  "handset.waiting_payment": {
    zh: "付好以后，这里会自动更新。",
    en: "This page moves on by itself once you have paid.",
  },
  "handset.other_way": { zh: "换一种方式", en: "Pay another way" },
  "handset.reopen": { zh: "继续购物", en: "Back to shopping" },
  "handset.no_methods": {
    zh: "暂时没有可用的付款方式，请找店员帮忙",
    en: "No way to pay is available right now. Please ask a member of staff.",
  },
  "handset.order_reopened": {
    zh: "订单已经打开，可以继续加商品",
    en: "Your bag is open again.",
  },

  "handset.pass": { zh: "出场码", en: "Exit pass" },
  "handset.pass_hint": {
    zh: "到出口把这个码对准扫码口",
    en: "Hold this code to the scanner at the exit",
  },
  "handset.pass_qr": { zh: "订单 {number} 的出场码", en: "Exit pass of order {number}" },
  "handset.pass_fresh": { zh: "会自动更新，只能用一次", en: "Renews itself, and works once" },
  "handset.pass_stale": {
    zh: "现在连不上网。到出口输入订单号也可以。",
    en: "No network right now. You can type the order number at the exit.",
  },
  "handset.at_lane": { zh: "请把商品放到传送带上", en: "Please lay your items on the belt" },
  "handset.at_lane_open": { zh: "可以走了，请慢走", en: "All good. Please walk through." },
  "handset.show_receipt": { zh: "看小票", en: "Receipt" },
  "handset.back_to_pass": { zh: "回到出场码", en: "Back to the pass" },

  "handset.goodbye": { zh: "谢谢光临，祝您生活愉快", en: "Thank you. Have a lovely day." },
  "handset.goodbye_hint": {
    zh: "这台设备上的购物记录已经清除。",
    en: "Nothing of your visit is left on this device.",
  },
  "handset.new_visit": { zh: "新的购物", en: "New visit" },
} as const satisfies Record<string, Message>;
