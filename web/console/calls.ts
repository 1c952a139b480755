import type { PlainMessageKey } from "../shared/messages.ts";
import type { Call, Finding, Suspect } from "../shared/types.ts";
import type { Action } from "./api.ts";
import { isOrder } from "./details.ts";

type Kind = Call["kind"];

/** Where a call is about a shopper who is not at a lane yet. */
export const SHOP_FLOOR = "shop-floor";

/** Who waits most: someone at the gate, then someone at the belt, then a device that nobody stands before. */
const URGENCY: Readonly<Record<Kind, number>> = {
  live_tag: 0,
  weight: 1,
  min_age: 1,
  other_lane: 1,
  audit: 1,
  help: 1,
  device: 2,
};

/** Before all others: where somebody called the guard. Last: who has not come to a lane, and waits for nobody yet. */
function urgency(call: Call): number {
  if (call.security !== null) return -1;
  return call.lane === SHOP_FLOOR ? 2 : URGENCY[call.kind];
}

/** Open calls, most urgent first, and of those equally urgent the oldest first. */
export function inOrder(calls: readonly Call[]): Call[] {
  return calls
    .filter((call) => call.status === "open")
    .sort(
      (one, other) =>
        urgency(one) - urgency(other) ||
        Date.parse(one.opened_at) - Date.parse(other.opened_at) ||
        (one.id < other.id ? -1 : 1),
    );
}

/** How long a shopper has waited, as a stopwatch says it: `stopwatch(125_000)` → "2:05". Never below zero. */
export function stopwatch(waited_ms: number): string {
  const seconds = Math.max(0, Math.floor(waited_ms / 1000));
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const tail = String(seconds % 60).padStart(2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

/** A minute is long at a gate, and two are too long. */
export function patience(waited_ms: number): "fine" | "long" | "too_long" {
  if (waited_ms < 60_000) return "fine";
  return waited_ms < 120_000 ? "long" : "too_long";
}

/** One way to answer a call. Its reasons are offered as taps; without `needed` it is sent at once. */
export interface Choice {
  readonly action: Action;
  readonly label: PlainMessageKey;
  readonly look: "primary" | "secondary" | "stop";
  /** Whether the server refuses the answer without a reason. */
  readonly needed: boolean;
  readonly reasons: readonly PlainMessageKey[];
}

/** A lane that can't go on must not keep the shopper. */
const WITHOUT_WEIGHING: readonly Choice[] = [
  {
    action: "let_go",
    label: "console.let_go",
    look: "secondary",
    needed: true,
    reasons: ["console.reason.checked", "console.reason.device_away"],
  },
  {
    action: "refuse",
    label: "console.other_lane",
    look: "stop",
    needed: true,
    reasons: ["console.reason.next_lane", "console.reason.put_back"],
  },
];

/** Every answer to each kind of call, the likeliest first; the call says which of them are possible now. */
const CHOICES: Readonly<Record<Kind, readonly Choice[]>> = {
  weight: [
    {
      action: "let_go",
      label: "console.let_go",
      look: "primary",
      needed: true,
      reasons: [
        "console.reason.checked",
        "console.reason.own_bag",
        "console.reason.record_wrong",
        "console.reason.scale_unsettled",
      ],
    },
    {
      action: "take_off",
      label: "console.take_off",
      look: "secondary",
      needed: true,
      reasons: ["console.reason.not_wanted", "console.reason.by_accident"],
    },
    { action: "reweigh", label: "console.reweigh", look: "secondary", needed: false, reasons: [] },
    {
      action: "refuse",
      label: "console.refuse",
      look: "stop",
      needed: true,
      reasons: ["console.reason.scan_rest", "console.reason.put_back", "console.reason.other_order"],
    },
  ],
  min_age: [
    {
      action: "let_go",
      label: "console.of_age",
      look: "primary",
      needed: false,
      reasons: [],
    },
    {
      action: "refuse",
      label: "console.refuse",
      look: "stop",
      needed: true,
      reasons: ["console.reason.no_id", "console.reason.under_age"],
    },
  ],
  other_lane: [
    {
      action: "let_go",
      label: "console.let_go",
      look: "primary",
      needed: true,
      reasons: ["console.reason.not_left_there"],
    },
    {
      action: "refuse",
      label: "console.refuse",
      look: "stop",
      needed: true,
      reasons: ["console.reason.left_there", "console.reason.other_order"],
    },
  ],
  audit: [
    {
      action: "let_go",
      label: "console.let_go",
      look: "primary",
      needed: true,
      reasons: [
        "console.reason.taken_off",
        "console.reason.paid_now",
        "console.reason.small_mistake",
        "console.reason.store_mistake",
      ],
    },
    {
      action: "refuse",
      label: "console.to_desk",
      look: "stop",
      needed: true,
      reasons: ["console.reason.pays_at_desk", "console.reason.put_back"],
    },
  ],
  live_tag: [
    { action: "deactivate", label: "console.deactivate", look: "primary", needed: false, reasons: [] },
    {
      action: "let_go",
      label: "console.let_go",
      look: "primary",
      needed: true,
      reasons: ["console.reason.tag_stayed", "console.reason.false_alarm", "console.reason.foreign_tag"],
    },
    {
      action: "done",
      label: "console.tag_settled",
      look: "secondary",
      needed: true,
      reasons: ["console.reason.handed_back", "console.reason.paid_now", "console.reason.walked_on"],
    },
  ],
  device: [
    { action: "done", label: "console.mended", look: "primary", needed: false, reasons: [] },
    ...WITHOUT_WEIGHING,
  ],
  help: [
    { action: "open_again", label: "console.open_again", look: "primary", needed: false, reasons: [] },
    { action: "done", label: "console.helped", look: "primary", needed: false, reasons: [] },
    ...WITHOUT_WEIGHING,
  ],
};

/** What an answer to a call of a kind is called, as its button said. */
export function answerOf(kind: Kind, action: Action): PlainMessageKey {
  return CHOICES[kind].find((choice) => choice.action === action)?.label ?? "console.left";
}

const LEFT: Choice = { action: "done", label: "console.left", look: "secondary", needed: false, reasons: [] };

/** An audit that is not made is let go by name, too: it is no answer that is offered first. */
const WITHOUT_RESCAN: Choice = {
  action: "let_go",
  label: "console.audit_skip",
  look: "secondary",
  needed: true,
  reasons: ["console.reason.many_wait", "console.reason.in_need"],
};

/** What can be answered to a call now. Once the gate was allowed to open, whoever was helped has left. */
export function choicesOf(call: Call): readonly Choice[] {
  if (call.kind === "audit" && call.evidence?.outcome !== "differences")
    return call.actions.includes("let_go") ? [WITHOUT_RESCAN] : [];
  const at_the_gate = call.actions.includes("open_again");
  return CHOICES[call.kind]
    .filter(({ action }) => call.actions.includes(action))
    .map((choice) => (at_the_gate && choice.action === "done" ? LEFT : choice));
}

/** The orders of which nobody may see how many goods they have: they are to be counted, and have not been yet. */
export function uncounted(calls: readonly Call[]): ReadonlySet<string> {
  const due = calls.filter((one) => one.status === "open" && one.kind === "audit" && !one.evidence?.outcome);
  return new Set(due.flatMap(({ order }) => (order ? [order.id] : [])));
}

/** What a call is about. A lane that has something to say asks for help as well, without a shopper. */
export function titleOf(call: Call): PlainMessageKey {
  const detail = call.evidence?.detail;
  return call.kind === "help" && detail && !isOrder(detail) ? "console.kind.help_lane" : `console.kind.${call.kind}`;
}

/** What to do about a call, in a sentence. */
export function adviceOf(call: Call): PlainMessageKey {
  if (call.actions.includes("open_again")) return "console.advice.gate";
  if (call.kind === "device" && call.actions.includes("let_go")) return "console.advice.device_at_order";
  if (call.kind === "audit" && call.evidence?.outcome === "differences") return "console.advice.audit_found";
  if (call.kind === "live_tag" && call.evidence?.goods?.length) return "console.advice.goods_at_gate";
  if (call.kind === "live_tag" && call.evidence?.cause) return `console.advice.${call.evidence.cause}`;
  return `console.advice.${call.kind}`;
}

/** What a reason says was found, where the goods were looked at for it; a reason of one's own says nothing. */
const FINDINGS: Partial<Record<PlainMessageKey, Finding>> = {
  "console.reason.checked": "nothing",
  "console.reason.own_bag": "nothing",
  "console.reason.record_wrong": "nothing",
  "console.reason.scale_unsettled": "nothing",
  "console.reason.tag_stayed": "nothing",
  "console.reason.false_alarm": "nothing",
  "console.reason.foreign_tag": "nothing",
  "console.reason.scan_rest": "unpaid",
  "console.reason.put_back": "unpaid",
  "console.reason.handed_back": "unpaid",
  "console.reason.paid_now": "unpaid",
};

/** What a tapped reason tells of the goods, for the figures of false alarms and of what was found unpaid. */
export function findingOf(call: Call, reason: PlainMessageKey): Finding | null {
  return call.kind === "weight" || call.kind === "live_tag" ? (FINDINGS[reason] ?? null) : null;
}

/** What may lie there unpaid, of which the product is known: one tap takes it off, or has it paid. */
export function unpaidGuesses(call: Call): readonly Suspect[] {
  const unpaid = (call.evidence?.suspects ?? []).filter(
    ({ kind, product_id }) => product_id && (kind === "missed" || kind === "more" || kind === "swapped"),
  );
  // One more of something is suspected as "missed" and as "more": it is one product to tap.
  return unpaid.filter((one, at) => unpaid.findIndex(({ product_id }) => product_id === one.product_id) === at);
}
