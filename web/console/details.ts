import type { Language } from "../shared/language.svelte.ts";
import { fillIn } from "../shared/messages/format.ts";
import { messages } from "../shared/messages.ts";
import { grouped } from "../shared/order-number.ts";

type Key = Extract<keyof typeof messages, `console.detail.${string}`>;

/**
 * What lanes and the server write of a call, in English alone, and the message that says the same.
 * tests/scripts/test_call_details.py holds it against what they write.
 */
const DETAILS: readonly (readonly [template: string, key: Key])[] = [
  ["the fire alarm is active: the gate is kept open", "console.detail.fire"],
  ["the deactivator counted {counted} of the order's {tags} tags", "console.detail.tags"],
  ["the server says no to {request}: {code}", "console.detail.refused"],
  ["goods still lie on the belt after their shopper was sent to the side bay", "console.detail.goods_left"],
  ["the gate's counter began anew: did the shopper of order {number} leave?", "console.detail.counter_anew"],
  ["the gate was opened for this order and nobody walked through", "console.detail.nobody_walked"],
  ["order {number} left here while this lane was cut off, and elsewhere as well", "console.detail.left_twice"],
  [
    "order {number} left here while the lane was cut off, and the server does not take that: {why}",
    "console.detail.not_taken",
  ],
  [
    "the order of exit {exit} left here while the lane was cut off, and the server does not take that: {why}",
    "console.detail.exit_not_taken",
  ],
  ["order {number}", "console.detail.order"],
  ["{device}: {problem}", "console.detail.device"],
];

const PATTERNS = DETAILS.map(([template, key]) => {
  const plain = template.replace(/[.?()[\]*+^$|\\]/g, "\\$&");
  return { key, pattern: new RegExp(`^${plain.replace(/\{(\w+)\}/g, "(?<$1>.+?)")}$`, "s") };
});

/** Whether it tells which order a kiosk has that a shopper asks for help at, and not what a lane has to say. */
export function isOrder(detail: string): boolean {
  return /^order \d+$/.test(detail);
}

/** The detail of a call in a language; one that nobody knows as it is. */
export function detailIn(language: Language, detail: string): string {
  for (const { key, pattern } of PATTERNS) {
    const found = pattern.exec(detail);
    if (found === null) continue;
    const values = { ...found.groups };
    if (values["number"] !== undefined) values["number"] = grouped(values["number"]);
    if (values["device"] !== undefined) {
      const device = [`lane.device.${values["device"]}`, `kiosk.device.${values["device"]}`].find(
        (one) => one in messages,
      );
      if (device === undefined) break;
      values["device"] = messages[device as "lane.device.scale"][language];
    }
    return fillIn(messages[key][language], values);
  }
  return detail;
}
