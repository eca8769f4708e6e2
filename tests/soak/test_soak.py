"""A short soak in every run, so that the long one works when it is wanted; `make soak` is a day with 600 symbols."""

from __future__ import annotations

from pathlib import Path

import aiohttp

from tests.soak.promises import Account, account
from tests.soak.run import SoakOptions, soak
from tests.soak.watch import JUDGES, Exchange
from tests.support.served_desk import ServedDesk


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


async def test_an_exchange_that_does_not_answer_is_not_an_empty_account(tmp_path: Path) -> None:
    with ServedDesk(tmp_path, "BTCUSDT", 1.0) as served:
        exchange = Exchange(served.ready, JUDGES)
        try:
            assert await account(exchange) == Account({}, set(), set())
            async with (
                aiohttp.ClientSession() as session,
                session.post(
                    f"{served.ready['rest']}/sim/fault", json={"kind": "server_error", "seconds": 30}
                ) as answer,
            ):
                assert answer.status == 200
            assert await account(exchange) is None
        finally:
            await exchange.close()
