import type { Message } from "./format.ts";

export const common = {
  "app.name": { zh: "Unqueue", en: "Unqueue" },
  "language.name": { zh: "中文", en: "English" },
  "language.switch": { zh: "Switch to English", en: "切换到中文" },

  "action.close": { zh: "关闭", en: "Close" },
  "action.cancel": { zh: "取消", en: "Cancel" },
  "action.back": { zh: "返回", en: "Back" },
  "action.retry": { zh: "再试一次", en: "Try again" },
  "action.undo": { zh: "撤销", en: "Undo" },
  "action.delete": { zh: "删除", en: "Delete" },
  "action.add": { zh: "添加", en: "Add" },
  "action.more": { zh: "加一件", en: "One more" },
  "action.fewer": { zh: "减一件", en: "One fewer" },
  "action.print": { zh: "打印", en: "Print" },
  "action.done": { zh: "完成", en: "Done" },

  "keypad.clear": { zh: "清空", en: "Clear" },
  "keypad.back": { zh: "退一格", en: "Delete last digit" },

  "state.loading": { zh: "请稍候…", en: "One moment…" },
  "state.offline": { zh: "网络断开，商品先存在这里", en: "No network. Your items are kept here." },
  "state.online": { zh: "网络已恢复", en: "Back online" },

  "notices.title": { zh: "提示", en: "Notices" },

  "problem.network": {
    zh: "暂时连不上商店，请稍后再试",
    en: "We can't reach the store right now. Please try again in a moment.",
  },
  "problem.timeout": {
    zh: "商店的回答有点慢，请再试一次",
    en: "The store is taking a little long. Please try again.",
  },
  "problem.unexpected": {
    zh: "出了点小问题，请再试一次；还是不行就找店员帮忙",
    en: "Something went wrong. Please try again, or ask a member of staff.",
  },

  "money.subtotal": { zh: "小计", en: "Subtotal" },
  "money.discount": { zh: "已优惠", en: "You saved" },
  "money.saved": { zh: "已省 {amount}", en: "Saved {amount}" },
  "money.deposit": { zh: "押金", en: "Deposit" },
  "money.total": { zh: "合计", en: "Total" },
  "money.tax": { zh: "含税", en: "Tax included" },
  "money.rate": { zh: "税率", en: "Rate" },
  "money.net": { zh: "不含税金额", en: "Net" },
  "money.tax_amount": { zh: "税额", en: "Tax" },
  "money.gross": { zh: "含税金额", en: "Gross" },
  "money.per_piece": { zh: "{amount}/件", en: "{amount} each" },
  "money.per_kg": { zh: "{amount}/千克", en: "{amount}/kg" },

  "line.quantity": { zh: "数量", en: "Quantity" },
  "line.deposit": { zh: "另付押金 {amount}", en: "plus {amount} deposit" },
  "line.age": { zh: "{age} 岁以上", en: "Age {age}+" },

  "payment.pending": { zh: "等待付款", en: "Waiting for payment" },
  "payment.succeeded": { zh: "付款成功", en: "Paid" },
  "payment.failed": { zh: "没有付成，可以再试一次", en: "The payment did not go through. You can try again." },
  "payment.closed": { zh: "已取消这次付款", en: "This payment was cancelled" },
  "payment.surplus": {
    zh: "这笔付款多出来了，正在退回",
    en: "This payment was not needed. It is on its way back to you.",
  },
  "payment.refunded": { zh: "已退款", en: "Refunded" },

  "extras.title": { zh: "优惠券或购物卡", en: "Coupon or gift card" },
  "extras.code": { zh: "券码或卡号", en: "Coupon or card number" },
  "extras.use": { zh: "使用", en: "Use" },
  "extras.remove": { zh: "取下优惠券 {name}", en: "Take off the coupon {name}" },
  "extras.payable": { zh: "用券后应付", en: "To pay after coupons" },
  "extras.paid": { zh: "已付", en: "Paid so far" },
  "extras.due": { zh: "还需付", en: "Still to pay" },
  "extras.give_back": { zh: "退回已付的 {amount}", en: "Get the {amount} back" },
  "extras.given_back": {
    zh: "已付的钱正在退回原处",
    en: "What you paid is on its way back to where it came from.",
  },
  "extras.card_empty": {
    zh: "尾号 {tail} 的卡上没有余额了",
    en: "There is nothing left on the card ending in {tail}.",
  },
  "extras.card_paid": { zh: "尾号 {tail} 的卡付了 {amount}", en: "The card ending in {tail} paid {amount}." },
  "extras.free": { zh: "不用再付了，完成", en: "Nothing to pay: done" },
  "payment.scan_qr": { zh: "请用手机钱包扫这个码", en: "Please scan this code with your phone’s wallet" },
  "payment.elsewhere": { zh: "正在付款机上付款", en: "A payment is under way at a kiosk" },

  "receipt.title": { zh: "购物小票", en: "Receipt" },
  "receipt.number": { zh: "小票号", en: "Receipt no." },
  "receipt.order": { zh: "订单号", en: "Order no." },
  "receipt.issued": { zh: "时间", en: "Issued" },
  "receipt.tax_id": { zh: "纳税人识别号", en: "Tax ID" },
  "receipt.paid_with": { zh: "付款方式", en: "Paid with" },
  "receipt.reference": { zh: "流水号 {reference}", en: "Ref. {reference}" },
  "receipt.payable": { zh: "实付", en: "To pay" },
  "receipt.coupon": { zh: "优惠券", en: "Coupon" },
  "receipt.issuer": { zh: "由发行方承担", en: "paid by its issuer" },
  "receipt.sms": { zh: "短信发小票", en: "Text me the receipt" },
  "receipt.number_field": { zh: "手机号码", en: "Mobile number" },
  "receipt.keep": {
    zh: "我的号码和小票一起保留，可随时删除。",
    en: "Keep my number with the receipt. I can delete it any time.",
  },
  "receipt.keep_not": {
    zh: "只用来发送这张小票，送达后删除。",
    en: "Used for this receipt only, and deleted once it arrived.",
  },
  "receipt.forget": { zh: "删除我的号码", en: "Delete my number" },
  "receipt.forgotten": { zh: "号码已删除", en: "Your number is deleted" },
  "receipt.send": { zh: "发送", en: "Send" },
  "receipt.download": { zh: "保存小票", en: "Save the receipt" },
  "receipt.thanks": { zh: "谢谢光临，祝您生活愉快", en: "Thank you. Have a lovely day." },

  "scan.title": { zh: "摄像头扫码", en: "Camera scanner" },
  "scan.start": { zh: "打开摄像头", en: "Turn the camera on" },
  "scan.stop": { zh: "收起摄像头", en: "Turn the camera off" },
  "scan.starting": { zh: "正在打开摄像头…", en: "Turning the camera on…" },
  "scan.aim": { zh: "把条码放进框里", en: "Hold the barcode inside the frame" },
  "scan.torch_on": { zh: "开灯", en: "Light on" },
  "scan.torch_off": { zh: "关灯", en: "Light off" },
  "scan.denied": {
    zh: "没有摄像头权限。请在浏览器地址栏旁的设置里允许使用摄像头，再点“再试一次”。也可以在下面输入条码。",
    en: "The camera is not allowed. Allow it in the settings beside the address bar, then try again. Or type the code below.",
  },
  "scan.missing": {
    zh: "这台设备没有找到摄像头。请在下面输入条码，或用扫码枪。",
    en: "No camera was found. Type the code below, or use a hand scanner.",
  },
  "scan.busy": {
    zh: "摄像头正被别的应用使用。请关掉那个应用，再试一次。",
    en: "Another app is using the camera. Close it, then try again.",
  },
  "scan.insecure": {
    zh: "浏览器只在安全页面（https 或 localhost）开放摄像头。请打开 https 开头的地址，或在下面输入条码。",
    en: "Browsers give the camera to secure pages only. Open the address that starts with https, or type the code below.",
  },
  "scan.failed": {
    zh: "摄像头打不开。请再试一次，或在下面输入条码。",
    en: "The camera did not start. Try again, or type the code below.",
  },
} as const satisfies Record<string, Message>;
