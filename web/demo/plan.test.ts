import assert from "node:assert/strict";
import { test } from "node:test";
import type { DemoShopper } from "./api.ts";
import { dots, TALL, WIDE, type Box } from "./plan.ts";

const shopper = (id: string, where: string): DemoShopper => ({ id, where, mood: "honest", items: 3 });
const inside = (box: Box, { x, y }: { x: number; y: number }) =>
  x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height;

for (const [name, layout] of Object.entries({ WIDE, TALL })) {
  test(`${name}: every place lies within the plan, and none on another`, () => {
    const boxes = Object.values(layout.places);
    for (const box of boxes)
      assert.ok(box.x >= 0 && box.y >= 0 && box.x + box.width <= layout.width && box.y + box.height <= layout.height);
    for (const [index, one] of boxes.entries())
      for (const other of boxes.slice(index + 1))
        assert.ok(
          one.x + one.width <= other.x ||
            other.x + other.width <= one.x ||
            one.y + one.height <= other.y ||
            other.y + other.height <= one.y,
        );
  });

  test(`${name}: forty people stand in their places, no two on one spot`, () => {
    const people = Array.from({ length: 40 }, (_, index) => shopper(`shopper-${index}`, "shelf"));
    const found = dots(people, layout, 22);
    assert.equal(found.length, 40);
    assert.ok(found.every((dot) => inside(layout.people.shelf, dot)));
    assert.equal(new Set(found.map(({ x, y }) => `${x} ${y}`)).size, 40);
  });
}

test("who queues at a lane stands there; who is at the door or nowhere is not drawn", () => {
  const found = dots([shopper("a", "queue:lane-2"), shopper("b", "lane-2"), shopper("c", "gone")], WIDE, 22);
  assert.deepEqual(
    found.map(({ id }) => id),
    ["a", "b"],
  );
  assert.ok(found.every((dot) => inside(WIDE.people["lane-2"], dot)));
});

test("nobody jumps when another one leaves", () => {
  const people = Array.from({ length: 12 }, (_, index) => shopper(`shopper-${index}`, "shelf"));
  const before = dots(people, WIDE, 22);
  const after = dots(people.slice(0, -1), WIDE, 22);
  const moved = after.filter((dot) => before.some(({ id, x, y }) => id === dot.id && (x !== dot.x || y !== dot.y)));
  // Only one that had given way to the one who left may step back.
  assert.ok(moved.length <= 1, `${moved.length} moved`);
});
