/**
 * Hand scanners that type: a keyboard wedge sends the code as key presses, some with the AIM identifier in front
 * (`]E0…`), most with Enter or Tab behind. A wedge is told from a person by the time between keys, and works wherever
 * the focus is.
 */

export interface WedgeScan {
  readonly code: string;
  /** The AIM identifier that stood in front of the code, if the scanner is set to send it: `]C1`. */
  readonly symbology: string | null;
}

export interface WedgeKey {
  readonly key: string;
  /** When the key went down, in milliseconds of a clock that only goes forward. */
  readonly at_ms: number;
}

export interface WedgeTiming {
  /** Longest time from key to key of a scanner. The fastest typists need more than 60 ms on average. */
  readonly gap_ms_max: number;
  /** How long after the last key a code without terminator is taken as complete. */
  readonly idle_ms: number;
  /** Shortest code with a terminator, and without one. */
  readonly length_min: number;
  readonly length_min_unterminated: number;
}

export const TIMING: WedgeTiming = { gap_ms_max: 45, idle_ms: 120, length_min: 4, length_min_unterminated: 8 };

const TERMINATORS = new Set(["Enter", "Tab"]);
const AIM = /^\][A-Za-z][0-9A-Za-z]/;

/** Splits the AIM identifier (ISO/IEC 15424) off: `]E06901234567892` → `]E0` and the code. */
export function splitAim(text: string): WedgeScan {
  const found = AIM.exec(text);
  return found === null ? { code: text, symbology: null } : { code: text.slice(3), symbology: found[0] };
}

/** Pure: collects keys into bursts. It neither listens nor waits; its caller brings the keys and the time. */
export class WedgeBuffer {
  readonly #timing: WedgeTiming;
  #text = "";
  #last_ms = Number.NEGATIVE_INFINITY;

  constructor(timing: WedgeTiming = TIMING) {
    this.#timing = timing;
  }

  /** How many keys came so close together that they may be a scanner's. */
  get length(): number {
    return this.#text.length;
  }

  /** Takes a key; answers the scan that this key completes, or null. */
  key({ key, at_ms }: WedgeKey): WedgeScan | null {
    const near = at_ms - this.#last_ms <= this.#timing.gap_ms_max;
    this.#last_ms = at_ms;
    if (TERMINATORS.has(key)) return near ? this.#take(this.#timing.length_min) : this.#drop();
    if (key.length !== 1) return this.#drop();
    this.#text = near ? this.#text + key : key;
    return null;
  }

  /** Call once `idle_ms` have passed without a key: a long enough burst without terminator is a scan, too. */
  idle(): WedgeScan | null {
    return this.#take(this.#timing.length_min_unterminated);
  }

  #take(length_min: number): WedgeScan | null {
    const text = this.#text;
    this.#drop();
    if (text.length < length_min) return null;
    const scan = splitAim(text);
    return scan.code === "" ? null : scan;
  }

  #drop(): null {
    this.#text = "";
    return null;
  }
}

type Field = HTMLInputElement | HTMLTextAreaElement;

function fieldOf(target: EventTarget | null): Field | null {
  return target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement ? target : null;
}

/** The character of a key press; an input method for Chinese swallows keys as `Process`, but still says which. */
function characterOf(event: KeyboardEvent): string | null {
  // Scanners send the GS1 group separator (ASCII 29) as Ctrl+].
  if (event.ctrlKey && event.key === "]") return "\u001d";
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  if (event.key === "Process" || event.key === "Unidentified") {
    const named = /^(?:Digit|Numpad|Key)([0-9A-Z])$/.exec(event.code);
    if (named !== null) return named[1]!;
    return event.code === "Enter" || event.code === "NumpadEnter" ? "Enter" : null;
  }
  return event.key;
}

/**
 * Listens for a wedge anywhere on the page until the returned function is called. What a burst typed into a field is
 * taken out again, and its Enter presses no button. Key events that a script dispatches on the window or document
 * count as well: the demo's shelf drives a handset in a frame that way.
 */
export function listenToWedge(onScan: (scan: WedgeScan) => void, timing: WedgeTiming = TIMING): () => void {
  const buffer = new WedgeBuffer(timing);
  let field: Field | null = null;
  let before = "";
  let timer: ReturnType<typeof setTimeout> | undefined;

  function finish(scan: WedgeScan): void {
    clearTimeout(timer);
    if (field !== null && field.value !== before) {
      field.value = before;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
    field = null;
    onScan(scan);
  }

  function onKeyDown(event: KeyboardEvent): void {
    if (["Shift", "Control", "Alt", "AltGraph", "Meta", "CapsLock", "NumLock"].includes(event.key)) return;
    // A key that is held down repeats as fast as a scanner types.
    const key = event.repeat ? "Unidentified" : characterOf(event);
    if (key === null) return;
    const held = buffer.length;
    const scan = buffer.key({ key, at_ms: event.timeStamp });
    if (scan !== null) {
      // Before the page's own handlers: this Enter or Tab belongs to the scanner.
      event.preventDefault();
      event.stopImmediatePropagation();
      finish(scan);
      return;
    }
    if (buffer.length === 1) {
      field = fieldOf(event.target);
      before = field?.value ?? "";
    } else if (buffer.length > held && field === null && key === " ") {
      event.preventDefault(); // within a burst a space is data and presses no button
    }
    clearTimeout(timer);
    if (buffer.length > 0) {
      timer = setTimeout(() => {
        const unterminated = buffer.idle();
        if (unterminated !== null) finish(unterminated);
      }, timing.idle_ms);
    }
  }

  addEventListener("keydown", onKeyDown, { capture: true });
  return () => {
    removeEventListener("keydown", onKeyDown, { capture: true });
    clearTimeout(timer);
  };
}
