/**
 * The two sounds of the brand: a rising pair for done, one low tone for look here; each with a vibration that differs
 * too, for those who can't hear. Browsers let a page make sound only after it was touched once.
 */

interface Tone {
  readonly frequency_hz: number;
  readonly start_s: number;
  readonly length_s: number;
}

const DONE: readonly Tone[] = [
  { frequency_hz: 880, start_s: 0, length_s: 0.07 },
  { frequency_hz: 1318.5, start_s: 0.075, length_s: 0.1 },
];
const LOOK: readonly Tone[] = [{ frequency_hz: 196, start_s: 0, length_s: 0.32 }];

let context: AudioContext | null = null;

/** Call from a tap or key press, so that later sounds need none: “Start shopping” does. */
export function unlockSound(): void {
  context ??= typeof AudioContext === "undefined" ? null : new AudioContext();
  if (context?.state === "suspended") void context.resume();
}

function play(tones: readonly Tone[], volume: number): void {
  if (context === null || context.state !== "running") return;
  for (const tone of tones) {
    const start = context.currentTime + tone.start_s;
    const end = start + tone.length_s;
    const oscillator = new OscillatorNode(context, { type: "triangle", frequency: tone.frequency_hz });
    const gain = new GainNode(context, { gain: 0 });
    // Ramps keep loudspeakers from clicking at the edges of a tone.
    gain.gain.setValueAtTime(0, start);
    gain.gain.linearRampToValueAtTime(volume, start + 0.008);
    gain.gain.setValueAtTime(volume, end - 0.02);
    gain.gain.linearRampToValueAtTime(0, end);
    oscillator.connect(gain).connect(context.destination);
    oscillator.start(start);
    oscillator.stop(end);
  }
}

function vibrate(pattern: number[]): void {
  // Chromium refuses and complains before the first touch of the page.
  if ("vibrate" in navigator && navigator.userActivation?.hasBeenActive !== false) navigator.vibrate(pattern);
}

/** Done: two rising tones, one short buzz. */
export function soundDone(): void {
  play(DONE, 0.25);
  vibrate([40]);
}

/** Look here: one low tone, one long buzz and a short one. */
export function soundLook(): void {
  play(LOOK, 0.4);
  vibrate([180, 60, 60]);
}
