import type { Message } from "./format.ts";

export const shop = {} as const satisfies Record<string, Message>;
