import type { Message } from "./format.ts";

/** Named with an underscore because `console` is the browser's. */
export const console_ = {} as const satisfies Record<string, Message>;
