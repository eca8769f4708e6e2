"""A short soak in every run, so that the long one works when it is wanted; `make soak` is a day with 600 symbols."""

from __future__ import annotations

from pathlib import Path

from tests.soak.run import SoakOptions, soak


def test_a_short_soak_of_trading_under_trouble_keeps_every_promise(tmp_path: Path) -> None:
    options = SoakOptions(
        hours=0.3, symbols=8, seed=3, speed=240.0, fault_s=0.7, tail_speed=240.0, calm_s=1.0, folder=tmp_path
    )  # fmt: skip
    page = soak(options)
    assert page.missed == 0, page.text
    assert (tmp_path / "soak-3.txt").read_text(encoding="utf-8") == page.text
    figures = dict(page.figures)
    assert not figures["faults"].startswith("0:")
    assert not figures["looks at the account"].startswith("0,")
    assert "attached 0 times" not in figures["screens"]
