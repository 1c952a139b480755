import type { IconName } from "../shared/components/Icon.svelte";
import type { FloorKiosk, FloorLane } from "./api.ts";

/** What staff should do about a place: nothing, look at it, stop what they do, or nothing because it does not work. */
export type Tone = "calm" | "good" | "look" | "stop" | "off";

/** How each state of a lane or kiosk is told: in words (`console.state.…`), with a shape, and in its tone. */
const STATES = {
  idle: ["check", "calm"],
  loading: ["bag", "calm"],
  weighing: ["scale", "calm"],
  open: ["door", "good"],
  check: ["look", "look"],
  staff: ["person", "look"],
  aside: ["person", "calm"],
  alarm: ["tag", "stop"],
  out_of_service: ["close", "off"],
  offline: ["offline", "off"],
  welcome: ["check", "calm"],
  order: ["receipt", "calm"],
  tender: ["wallet", "calm"],
  giving_back: ["wallet", "look"],
  paid: ["check", "good"],
} as const satisfies Record<string, readonly [IconName, Tone]>;

export interface Look {
  readonly key: `console.state.${keyof typeof STATES | "unknown"}` | "console.plan_closed";
  readonly icon: IconName;
  readonly tone: Tone;
}

const isKnown = (state: string): state is keyof typeof STATES => Object.hasOwn(STATES, state);

/** How a place's own word of itself is told. */
export function lookOf(state: string): Look {
  if (!isKnown(state)) return { key: "console.state.unknown", icon: "help", tone: "off" };
  const [icon, tone] = STATES[state];
  return { key: `console.state.${state}`, icon, tone };
}

/** The same where there is room for one word: a lane that was taken out says that first, unless something is up. */
export function briefly(place: FloorKiosk | FloorLane): Look {
  const look = lookOf(place.state);
  const is_out = "closed_by" in place && place.closed_by !== null && place.exit === null;
  return is_out && look.tone === "calm" ? { key: "console.plan_closed", icon: "close", tone: "off" } : look;
}
