/** How large the letters are. */
export type Print = "usual" | "large" | "largest";

const NEXT: Readonly<Record<Print, Print>> = { usual: "large", large: "largest", largest: "usual" };

/**
 * What one shopper chose to make the screen easier to use. It is kept nowhere but here, and forgotten when the screen
 * is the next shopper's.
 */
export class Access {
  print = $state<Print>("usual");
  contrast = $state(false);
  /** Every step is said aloud, for headphones. */
  speech = $state(false);
  /** Everything to touch lies in the lower half, for one who sits. */
  low = $state(false);

  get changed(): boolean {
    return this.print !== "usual" || this.contrast || this.speech || this.low;
  }

  enlarge(): void {
    this.print = NEXT[this.print];
  }

  forget(): void {
    this.print = "usual";
    this.contrast = this.speech = this.low = false;
  }
}
