"""Every prompt has its words in both languages, and every spoken one its recordings."""

import re
import wave
from pathlib import Path

import pytest

import unqueue.lane
from unqueue.lane.prompts import PROMPTS, RECORDINGS, recording_of

VOICE = Path(unqueue.lane.__file__).parent / "voice"
BYTES_MAX = 4_300_000
CASES = [(language, name) for language in ("zh", "en") for name in RECORDINGS]


@pytest.mark.parametrize("name", sorted(PROMPTS))
def test_words_are_short_and_in_both_languages(name: str) -> None:
    prompt = PROMPTS[name]
    assert any("\u4e00" <= character <= "\u9fff" for character in prompt.zh)
    assert prompt.en.isascii()
    assert len(prompt.zh) <= 30
    assert len(prompt.en) <= 80
    assert recording_of(name) in {None, *RECORDINGS}


@pytest.mark.parametrize("name", ["pass_used", "too_many_guesses"])
def test_what_is_to_be_pressed_is_called_as_the_button_is(name: str) -> None:
    messages = (Path(__file__).parents[2] / "web/shared/messages/lane.ts").read_text()
    button = re.search(r'"lane\.help": \{ zh: "(.+)", en: "(.+)" \}', messages)
    assert button is not None
    assert f"按“{button[1]}”" in PROMPTS[name].zh
    assert f"press {button[2]}." in PROMPTS[name].en


@pytest.mark.parametrize(("language", "name"), CASES)
def test_a_recording_is_short_loud_enough_and_not_clipped(language: str, name: str) -> None:
    with wave.open(str(VOICE / language / f"{name}.wav")) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (16_000, 1, 2)
        seconds = sound.getnframes() / 16_000
        samples = memoryview(sound.readframes(sound.getnframes())).cast("h")
    assert 0.8 < seconds < 6
    peak = max(abs(sample) for sample in samples)
    assert 0.4 < peak / 32768 < 0.95
    level = (sum(sample * sample for sample in samples) / len(samples)) ** 0.5 / 32768
    assert 0.06 < level < 0.25  # -24 to -12 dB of full scale: none shouts, none whispers
    quiet_s = next(at for at, sample in enumerate(reversed(samples)) if abs(sample) > 327) / 16_000
    assert quiet_s < 0.3  # the other language comes right after


def test_the_package_stays_small() -> None:
    files = list(VOICE.glob("*/*.wav"))
    assert {(file.parent.name, file.stem) for file in files} == set(CASES)
    assert sum(file.stat().st_size for file in files) < BYTES_MAX
