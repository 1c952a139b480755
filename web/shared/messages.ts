import { common } from "./messages/common.ts";
import { handset } from "./messages/handset.ts";
import { lane } from "./messages/lane.ts";
import { kiosk } from "./messages/kiosk.ts";
import { console_ } from "./messages/console.ts";
import { signin } from "./messages/signin.ts";
import { figures } from "./messages/figures.ts";
import { overrides } from "./messages/overrides.ts";
import { desk } from "./messages/desk.ts";
import { shop } from "./messages/shop.ts";
import { demo } from "./messages/demo.ts";
import type { ParametersOf } from "./messages/format.ts";

/**
 * The catalogue of every text on every screen, Chinese and English side by side. Keys start with their screen's name
 * (`handset.start`), those that screens share with what they are about (`money.total`).
 */
export const messages = {
  ...common,
  ...handset,
  ...lane,
  ...kiosk,
  ...console_,
  ...signin,
  ...figures,
  ...overrides,
  ...desk,
  ...shop,
  ...demo,
} as const;

export type MessageKey = keyof typeof messages;

/** The keys of messages without parameters. */
export type PlainMessageKey = {
  [Key in MessageKey]: ParametersOf<(typeof messages)[Key]> extends [] ? Key : never;
}[MessageKey];
