"""The demo into a pipe, as on a build machine: its story line by line, then the summary."""

from __future__ import annotations

import re
import signal
import subprocess

import pytest

from tests.support.home import Home

pytestmark = pytest.mark.walk


@pytest.mark.timeout(120)
def test_demo_into_a_pipe_tells_its_story_from_regime_to_result(home: Home) -> None:
    process = home.start("demo")
    lines = _until_first_result(process)
    process.send_signal(signal.SIGTERM)
    rest, complaints = process.communicate(timeout=40)
    assert (process.returncode, complaints) == (0, "")
    lines += rest.splitlines()
    text = "\n".join(lines)
    stamp = r"(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  "
    assert re.match(rf"{stamp}desk +engine on sim, mode auto, account main, speed (59|60)\dx$", lines[0])
    assert re.search(rf"{stamp}regime +BTC [A-Z]+, confidence [\d.]+", text)
    ended = re.search(rf"{stamp}result +(\w+USDT) closed by [\w ]+: [+-][\d.]+R net", text)
    assert ended is not None
    symbol = ended[1]
    chapters = [
        rf"{stamp}signal +{symbol} (long|short) \w+.* score [\d.]+, stop [\d.]+",
        rf"{stamp}decision +{symbol} approved by ",
        rf"{stamp}entry +{symbol} (long|short) [\d.]+ at [\d.]+, 1R is [\d.]+",
        rf"{stamp}stop +{symbol} stop rests on the exchange at [\d.]+, \d+ ms after the fill",
        rf"{stamp}tier +{symbol} target 1: [\d.]+ rests at [\d.]+",
        rf"{stamp}result +{symbol} closed by ",
    ]
    at = [found.start() if (found := re.search(chapter, text)) else -1 for chapter in chapters]
    assert min(at) >= 0, [chapter for chapter, place in zip(chapters, at, strict=True) if place < 0]
    assert at == sorted(at), "the story is told in its order"
    first = next(index for index, line in enumerate(lines) if " signal " in line)
    term = re.compile(r"^ {29}\w+ +\S+  [+-]\d")
    assert term.match(lines[first + 1]), "a signal is told with its components"
    assert re.search(r"(?m)^  trades closed +\d+$", text), "the story ends with the summary"


def _until_first_result(process: subprocess.Popen[str]) -> list[str]:
    """Lines of the story as they come, to the first trade that ended."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if re.match(r"\S+ \S+  result ", line):
            return lines
    raise AssertionError("the demo ended before a trade did:\n" + "\n".join(lines))
