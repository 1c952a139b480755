import type { DemoShopper, Mood } from "./api.ts";

/** A rectangle of the plan, in units of its drawing. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export type PlaceId = "shelf" | "handset" | "pay" | "desk" | "lane-1" | "lane-2";

/** Where everything stands, and where in each place people stand. */
export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly places: Readonly<Record<PlaceId, Box>>;
  readonly people: Readonly<Record<"shelf" | "pay" | "lane-1" | "lane-2", Box>>;
  readonly entrance: Box;
  readonly way_out: Box;
}

/** For screens wider than high. */
export const WIDE: Layout = {
  width: 1200,
  height: 660,
  places: {
    handset: { x: 40, y: 440, width: 250, height: 170 },
    shelf: { x: 40, y: 40, width: 660, height: 360 },
    pay: { x: 330, y: 440, width: 370, height: 170 },
    desk: { x: 760, y: 40, width: 400, height: 130 },
    "lane-1": { x: 760, y: 210, width: 400, height: 180 },
    "lane-2": { x: 760, y: 430, width: 400, height: 180 },
  },
  people: {
    shelf: { x: 170, y: 62, width: 500, height: 320 },
    pay: { x: 350, y: 556, width: 330, height: 46 },
    "lane-1": { x: 780, y: 340, width: 360, height: 40 },
    "lane-2": { x: 780, y: 560, width: 360, height: 40 },
  },
  entrance: { x: 40, y: 644, width: 250, height: 16 },
  way_out: { x: 1184, y: 210, width: 16, height: 400 },
};

/** For phones. */
export const TALL: Layout = {
  width: 360,
  height: 636,
  places: {
    shelf: { x: 14, y: 14, width: 332, height: 190 },
    handset: { x: 14, y: 218, width: 159, height: 112 },
    pay: { x: 187, y: 218, width: 159, height: 112 },
    desk: { x: 14, y: 344, width: 112, height: 270 },
    "lane-1": { x: 140, y: 344, width: 206, height: 130 },
    "lane-2": { x: 140, y: 484, width: 206, height: 130 },
  },
  people: {
    shelf: { x: 84, y: 24, width: 250, height: 170 },
    pay: { x: 197, y: 296, width: 140, height: 28 },
    "lane-1": { x: 150, y: 444, width: 190, height: 26 },
    "lane-2": { x: 150, y: 584, width: 190, height: 26 },
  },
  entrance: { x: 14, y: 624, width: 112, height: 12 },
  way_out: { x: 348, y: 344, width: 12, height: 270 },
};

export interface Dot {
  readonly id: string;
  readonly mood: Mood;
  readonly items: number;
  readonly x: number;
  readonly y: number;
}

type PeoplePlace = keyof Layout["people"];

function placeOf(where: string, layout: Layout): PeoplePlace | null {
  const named = where.startsWith("queue:") ? where.slice("queue:".length) : where;
  return named in layout.people ? (named as PeoplePlace) : null;
}

/** A whole number out of a name, the same each time (FNV-1a), to stand in one's own spot. */
function numberOf(name: string): number {
  let hash = 0x811c9dc5;
  for (const character of name) hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193);
  return hash >>> 0;
}

/**
 * Where each shopper stands. Nobody jumps while others come and go: the spot follows from the shopper's own name, and
 * moves on to the next free one where it is taken.
 */
export function dots(shoppers: readonly DemoShopper[], layout: Layout, step: number): Dot[] {
  const taken = new Set<string>();
  const found: Dot[] = [];
  for (const { id, where, mood, items } of [...shoppers].sort((one, other) => (one.id < other.id ? -1 : 1))) {
    const place = placeOf(where, layout);
    if (place === null) continue;
    const box = layout.people[place];
    const columns = Math.max(1, Math.floor(box.width / step));
    const rows = Math.max(1, Math.floor(box.height / step));
    const spots = columns * rows;
    let spot = numberOf(id) % spots;
    for (let tries = 0; tries < spots && taken.has(`${place} ${spot}`); tries += 1) spot = (spot + 1) % spots;
    taken.add(`${place} ${spot}`);
    const [column, row] = [spot % columns, Math.floor(spot / columns)];
    found.push({
      id,
      mood,
      items,
      x: box.x + (column + 0.5) * (box.width / columns),
      y: box.y + (row + 0.5) * (box.height / rows),
    });
  }
  return found;
}
