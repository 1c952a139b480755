import type { ProblemDocument } from "./types.ts";

/**
 * A refusal, from the server (RFC 9457, with a stable `code` and both languages) or made here when no answer came.
 *
 * `permanent` is false where the same request may succeed later: on these the queue tries again.
 */
export class Problem extends Error {
  readonly code: string;
  readonly status: number;
  readonly zh: string;
  readonly en: string;
  readonly permanent: boolean;
  /** Further members of the document, such as the open `payment` of a `payment_open`. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(document: ProblemDocument, status: number = document.status ?? 0) {
    super(`${document.code}: ${document.en}`);
    this.name = "Problem";
    this.code = document.code;
    this.status = status;
    this.zh = document.zh;
    this.en = document.en;
    this.permanent = document.permanent;
    this.details = document;
  }
}

/** Whether a body is a problem document of ours, and not a proxy's or a captive portal's page. */
export function isProblemDocument(body: unknown): body is ProblemDocument {
  if (typeof body !== "object" || body === null) return false;
  const { code, zh, en, permanent } = body as Record<string, unknown>;
  return typeof code === "string" && typeof zh === "string" && typeof en === "string" && typeof permanent === "boolean";
}
