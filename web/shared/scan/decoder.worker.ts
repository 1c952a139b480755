/**
 * Decodes camera frames away from the page's thread, so that scrolling never waits for a picture. zxing-wasm itself
 * and not the BarcodeDetector interface: that one keeps the AIM identifier to itself, and only `]C1` tells a GS1-128
 * from any other Code 128.
 */
import { prepareZXingModule, readBarcodes, type ReaderOptions } from "zxing-wasm/reader";
import type { DecodeRequest, DecodeResult, SeenCode } from "./decoding.ts";

const OPTIONS: ReaderOptions = {
  formats: [
    "EAN13",
    "EAN8",
    "UPCA",
    "UPCE",
    "Code128",
    "ITF14",
    "DataBarOmni",
    "DataBarStk",
    "DataBarStkOmni",
    "DataBarLtd",
    "DataBarExp",
    "DataBarExpStk",
    "DataMatrix",
    "QRCode",
  ],
  tryHarder: true,
  tryRotate: true,
  tryInvert: false,
  maxNumberOfSymbols: 8,
  // Plain keeps the group separator (ASCII 29) between GS1 elements; the readable form would put brackets around.
  textMode: "Plain",
};

addEventListener("message", (event: MessageEvent<DecodeRequest>) => void answer(event.data));

async function answer(message: DecodeRequest): Promise<void> {
  if (message.kind === "prepare") {
    prepareZXingModule({ overrides: { locateFile: () => message.wasm_url } });
    return;
  }
  const started = performance.now();
  const { image } = message;
  let codes: SeenCode[] = [];
  let error: string | null = null;
  try {
    const results = await readBarcodes(image, OPTIONS);
    codes = results.map((result) => {
      const { topLeft, topRight, bottomLeft, bottomRight } = result.position;
      return {
        code: result.text,
        symbology: result.symbologyIdentifier,
        // Where the middle of the code lies, from 0 to 1 each way.
        x: (topLeft.x + topRight.x + bottomLeft.x + bottomRight.x) / 4 / image.width,
        y: (topLeft.y + topRight.y + bottomLeft.y + bottomRight.y) / 4 / image.height,
      };
    });
  } catch (problem) {
    error = String(problem);
  }
  postMessage({ codes, error, took_ms: performance.now() - started } satisfies DecodeResult);
}
