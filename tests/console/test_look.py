"""Roles to styles: every palette knows every role; ASCII keeps each glyph's width."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

import console
from console.look import PALETTES, Look, to_ascii

SOURCES = sorted(Path(console.__file__).parent.rglob("*.py"))


@pytest.mark.parametrize("palette", PALETTES)
def test_every_palette_knows_every_role(palette: str) -> None:
    roles = set(Look("classic").style("").__class__.__name__ and _roles())
    for role in roles:
        Look(palette).style(role)
        Look(palette, red_up=True).style(f"{role} strong")


def _roles() -> list[str]:
    from console.look import _CLASSIC

    return list(_CLASSIC)


def test_mono_has_no_colour() -> None:
    look = Look("mono")
    assert all(look.style(role).color is None and look.style(role).bgcolor is None for role in _roles())


def test_red_up_swaps_what_goes_up_and_keeps_danger() -> None:
    plain, swapped = Look("classic"), Look("classic", red_up=True)
    assert swapped.style("up") == plain.style("down")
    assert swapped.style("profit") == plain.style("loss")
    assert swapped.style("danger") == plain.style("danger")


@given(st.text(max_size=40))
def test_ascii_keeps_the_width(text: str) -> None:
    ascii_text = to_ascii(text)
    assert ascii_text.isascii()
    assert len(ascii_text) == sum(1 if char.isascii() else max(cell_len(char), 0) for char in text)


def test_every_glyph_the_console_draws_has_a_readable_ascii_form() -> None:
    glyphs = set()
    for path in SOURCES:
        if "telegram" in path.parts or "cli" in path.parts:
            continue
        for literal in re.findall(r'"([^"\n]*)"', path.read_text(encoding="utf-8")):
            glyphs.update(char for char in literal if not char.isascii() and cell_len(char) == 1)
    assert glyphs
    assert {char for char in glyphs if to_ascii(char) == "?"} == set()
