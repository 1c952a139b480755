import type { Floor } from "./api.ts";

/** A place that calls: a lane, a kiosk or a side bay, and the short name that stands on it. */
export interface Place {
  readonly kind: "lane" | "kiosk" | "bay";
  readonly name: string;
}

/** What stands on the place with this id. One that the floor does not show (any more) is named by its id alone. */
export function placeOf(floor: Pick<Floor, "lanes" | "kiosks" | "bays"> | null, id: string): Place {
  const lane = floor?.lanes.find((one) => one.id === id);
  // A bay with a scale of its own is a lane as well, whose name stands on it; one without is known by its id.
  if (/^bay(?:-|$)/.test(id)) return { kind: "bay", name: (lane?.name ?? id).replace(/^bay-?/, "") };
  if (lane) return { kind: "lane", name: lane.name };
  const kiosk = floor?.kiosks.find((one) => one.id === id);
  if (kiosk) return { kind: "kiosk", name: kiosk.name };
  if (floor?.bays.some((one) => one.id === id)) return { kind: "bay", name: id };
  return { kind: id.startsWith("kiosk") ? "kiosk" : "lane", name: id.replace(/^(?:kiosk|lane)-/, "") };
}
