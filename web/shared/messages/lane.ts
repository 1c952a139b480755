import type { Message } from "./format.ts";

export const lane = {
  "lane.title": { zh: "出场通道 {name}", en: "Exit lane {name}" },
  "lane.name": { zh: "通道", en: "Lane" },
  "lane.order": { zh: "订单 {number}", en: "Order {number}" },
  "lane.items": { zh: "{count} 件", en: "{count:item|items}" },

  "lane.camera": { zh: "用摄像头扫", en: "Use the camera" },
  "lane.camera.aim": { zh: "把手机上的出场码对准摄像头", en: "Hold the exit pass on your phone up to the camera" },
  "lane.camera.starting": { zh: "正在打开摄像头…", en: "Turning the camera on…" },
  "lane.camera.denied": {
    zh: "摄像头没有打开的权限，请用扫码器或输入订单号",
    en: "The camera isn’t allowed here. Please use the scanner or type the order number.",
  },
  "lane.camera.missing": {
    zh: "这里没有摄像头，请用扫码器或输入订单号",
    en: "There is no camera here. Please use the scanner or type the order number.",
  },
  "lane.camera.busy": {
    zh: "摄像头正忙，请用扫码器或输入订单号",
    en: "The camera is busy. Please use the scanner or type the order number.",
  },
  "lane.camera.insecure": {
    zh: "浏览器只在安全页面开放摄像头，请用扫码器或输入订单号",
    en: "Browsers give the camera to secure pages only. Please use the scanner or type the order number.",
  },
  "lane.camera.failed": {
    zh: "摄像头打不开，请用扫码器或输入订单号",
    en: "The camera did not start. Please use the scanner or type the order number.",
  },
  "lane.number": { zh: "输入订单号", en: "Type order number" },
  "lane.number.where": {
    zh: "订单号在手机的出场码旁边，也印在小票上",
    en: "It stands beside the exit pass on your phone, and on the receipt",
  },
  "lane.number.go": { zh: "确定", en: "Go" },
  "lane.more": { zh: "放不下了，先称这些", en: "No more room: weigh these first" },
  "lane.help": { zh: "请店员帮忙", en: "Call staff" },
  "lane.help.sent": { zh: "店员马上就来", en: "Someone is on the way" },
  "lane.receipt": { zh: "打印小票", en: "Print receipt" },
  "lane.receipt.sent": { zh: "小票正在打印", en: "Your receipt is printing" },
  "lane.sound.on": { zh: "打开语音", en: "Turn the voice on" },

  "lane.weight": { zh: "称重", en: "Weight" },
  "lane.weight.measured": { zh: "传送带上", en: "On the belt" },
  "lane.weight.in_parts": { zh: "已称", en: "Weighed" },
  "lane.weight.expected": { zh: "订单应有", en: "Your order" },
  "lane.weight.inside": { zh: "重量相符", en: "The weight fits" },
  "lane.weight.under": { zh: "还差 {weight}", en: "{weight} to go" },
  "lane.weight.light": { zh: "少了 {weight}", en: "{weight} less" },
  "lane.weight.over": { zh: "多了 {weight}", en: "{weight} more" },
  "lane.weight.none": { zh: "还没有商品", en: "Nothing yet" },

  "lane.suspect.missed": { zh: "可能没扫到", en: "Maybe not scanned" },
  "lane.suspect.more": { zh: "可能多了一件", en: "Maybe one more" },
  "lane.suspect.swapped": { zh: "可能扫成了别的", en: "Maybe scanned as another" },
  "lane.suspect.extra": { zh: "可能没放上来", en: "Maybe not on the belt" },
  "lane.suspect.unknown": { zh: "请看一下", en: "Please have a look" },

  "lane.connecting": { zh: "通道正在准备", en: "This lane is getting ready" },
  "lane.connecting.detail": { zh: "请稍候", en: "One moment, please" },
  "lane.lost": { zh: "通道暂时没有回应", en: "This lane isn’t answering just now" },
  "lane.lost.detail": { zh: "请走旁边的通道，或请店员帮忙", en: "Please use the next lane, or ask a member of staff" },

  "lane.device.scale": { zh: "秤", en: "Scale" },
  "lane.device.io": { zh: "传送带与门", en: "Belt and gate" },
  "lane.device.scanner": { zh: "扫码器", en: "Scanner" },
  "lane.device.printer": { zh: "打印机", en: "Printer" },
  "lane.device.rfid": { zh: "门口标签读取器", en: "Gate reader" },
  "lane.device.server": { zh: "服务器", en: "Server" },
  "lane.devices": { zh: "设备", en: "Devices" },
  "lane.device.not_ready": { zh: "{device}未就绪", en: "{device}: not ready" },
} as const satisfies Record<string, Message>;
