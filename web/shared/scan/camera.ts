import wasm_url from "zxing-wasm/reader/zxing_reader.wasm?url";
import { nearestToMiddle, type DecodeRequest, type DecodeResult } from "./decoding.ts";
import { RepeatGuard } from "./repeat.ts";

/** Why there is no picture; each has a message that says what to do (`scan.denied`, …). */
export type CameraRefusal = "denied" | "missing" | "busy" | "insecure" | "failed";

export class CameraRefused extends Error {
  readonly refusal: CameraRefusal;
  constructor(refusal: CameraRefusal, cause?: unknown) {
    super(`camera: ${refusal}`, { cause });
    this.refusal = refusal;
  }
}

export interface Camera {
  /** Null where the camera has no light of its own. */
  readonly setTorch: ((on: boolean) => Promise<void>) | null;
  stop(): void;
}

const FRAME_MS_MIN = 90; // eleven frames a second read well and leave the battery alone
const SIDE_MAX = 1280;

/** The browser's reasons (Media Capture and Streams, 10.2.3) as ours. */
function refusalOf(error: unknown): CameraRefusal {
  switch (error instanceof DOMException ? error.name : "") {
    case "NotAllowedError":
    case "SecurityError":
      return "denied";
    case "NotFoundError":
    case "OverconstrainedError":
      return "missing";
    case "NotReadableError":
    case "AbortError":
      return "busy";
    default:
      return "failed";
  }
}

async function openStream(): Promise<MediaStream> {
  // Browsers leave mediaDevices out on pages that are not secure.
  if (!window.isSecureContext || navigator.mediaDevices === undefined) throw new CameraRefused("insecure");
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 720 } },
    });
  } catch (error) {
    throw new CameraRefused(refusalOf(error), error);
  }
}

// One worker for the page's life: compiling a megabyte of WebAssembly at each opening would be felt.
let decoder: Worker | null = null;

function decoderWorker(): Worker {
  if (decoder === null) {
    decoder = new Worker(new URL("./decoder.worker.ts", import.meta.url), { type: "module" });
    const url = new URL(wasm_url, location.href).href;
    decoder.postMessage({ kind: "prepare", wasm_url: url } satisfies DecodeRequest);
  }
  return decoder;
}

/** The part of the frame that the shopper sees (`object-fit: cover`), no larger than decoding needs. */
function grab(video: HTMLVideoElement, canvas: HTMLCanvasElement): ImageData | null {
  const { videoWidth, videoHeight, clientWidth, clientHeight } = video;
  if (videoWidth === 0 || clientWidth === 0) return null;
  const cover = Math.max(clientWidth / videoWidth, clientHeight / videoHeight);
  const width = Math.min(videoWidth, clientWidth / cover);
  const height = Math.min(videoHeight, clientHeight / cover);
  const scale = Math.min(1, SIDE_MAX / Math.max(width, height));
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (context === null) return null;
  const [x, y] = [(videoWidth - width) / 2, (videoHeight - height) / 2];
  context.drawImage(video, x, y, width, height, 0, 0, canvas.width, canvas.height);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

function torchOf(track: MediaStreamTrack | undefined): Camera["setTorch"] {
  // `torch` is of the Image Capture draft, so TypeScript's own types lack it.
  const capabilities = track?.getCapabilities?.() as { torch?: boolean } | undefined;
  if (track === undefined || !capabilities?.torch) return null;
  return (on) => track.applyConstraints({ advanced: [{ torch: on } as MediaTrackConstraintSet] });
}

/**
 * Opens the camera into a video element and calls `onCode` once for each barcode that comes into view. One frame at a
 * time is decoded, so a slow phone scans more slowly instead of falling behind. Throws `CameraRefused`.
 */
export async function startCamera(
  video: HTMLVideoElement,
  onCode: (code: string, symbology: string) => void,
  onEnded: () => void,
): Promise<Camera> {
  const stream = await openStream();
  const track = stream.getVideoTracks()[0];
  const worker = decoderWorker();
  const canvas = document.createElement("canvas");
  const guard = new RepeatGuard();
  let stopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function next(after_ms: number): void {
    timer = setTimeout(() => {
      if (stopped) return;
      const image = document.hidden ? null : grab(video, canvas);
      if (image === null) return next(FRAME_MS_MIN);
      worker.postMessage({ kind: "decode", image } satisfies DecodeRequest, [image.data.buffer]);
    }, after_ms);
  }

  function onResult({ data }: MessageEvent<DecodeResult>): void {
    if (stopped) return;
    if (data.error !== null) console.error(data.error);
    const meant = nearestToMiddle(data.codes);
    const codes = data.codes.map(({ code }) => code);
    if (meant !== null && guard.frame(performance.now(), codes, meant.code) !== null)
      onCode(meant.code, meant.symbology);
    if (meant === null) guard.frame(performance.now(), codes, null);
    next(Math.max(10, FRAME_MS_MIN - data.took_ms));
  }

  function stop(): void {
    stopped = true;
    clearTimeout(timer);
    worker.removeEventListener("message", onResult);
    for (const each of stream.getTracks()) each.stop();
    video.srcObject = null;
  }

  worker.addEventListener("message", onResult);
  track?.addEventListener("ended", () => (stop(), onEnded()));
  video.srcObject = stream;
  try {
    await video.play();
  } catch (error) {
    // The element left the page while the camera was starting.
    stop();
    throw new CameraRefused("failed", error);
  }
  next(0);
  return { setTorch: torchOf(track), stop };
}
