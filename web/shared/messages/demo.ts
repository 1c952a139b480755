import type { Message } from "./format.ts";

export const demo = {} as const satisfies Record<string, Message>;
