/** What the page and its decoding worker say to each other. */

export type DecodeRequest = { kind: "prepare"; wasm_url: string } | { kind: "decode"; image: ImageData };

export interface SeenCode {
  readonly code: string;
  /** AIM symbology identifier, ISO/IEC 15424: `]E0` EAN-13, `]C1` GS1-128, `]d2` GS1 DataMatrix, `]Q1` QR. */
  readonly symbology: string;
  /** Where in the frame its middle is, from 0 to 1 each way. */
  readonly x: number;
  readonly y: number;
}

export interface DecodeResult {
  readonly codes: readonly SeenCode[];
  readonly error: string | null;
  readonly took_ms: number;
}

/** The code a person means when several are in view: the one nearest to the middle of the frame. */
export function nearestToMiddle(codes: readonly SeenCode[]): SeenCode | null {
  const distance = (code: SeenCode) => (code.x - 0.5) ** 2 + (code.y - 0.5) ** 2;
  return codes.reduce<SeenCode | null>(
    (best, code) => (best === null || distance(code) < distance(best) ? code : best),
    null,
  );
}
