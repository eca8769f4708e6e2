"""Shows the console on a scripted, lively desk: `python -m tests.support.show_console [--theme T] [--ascii] ...`."""

from __future__ import annotations

import argparse
import asyncio

import msgspec
from msgspec import structs

from console.app import PerpdeckApp
from console.options import ConsoleOptions
from engine.port import commands as ask
from tests.support import console_views as views
from tests.support.fake_port import FakePort


async def live(port: FakePort, demo: bool) -> None:
    """Move the market a little, ten times a second."""
    lists = {"directory": views.symbols_json(), "trades": msgspec.json.encode(views.TRADES)}
    port.answer(ask.Query, lambda command: ask.Done(data=lists.get(command.what, b"[]")))
    over = {"venue": "sim", "banner": "DEMO · recorded data · speed 20x", "speed": 20.0} if demo else {}
    for topic, view in views.desk().items():
        await port.put(topic, view)
    await port.put("performance", views.performance())
    await port.put("chart", views.chart())
    for notice in views.notices():
        await port.tell(notice)
    beat = 0
    while True:
        now_ms = views.NOW_MS + beat * 100
        await port.put("book", views.book(now_ms, revision=beat, beat=beat))
        if beat % 5 == 0:
            await port.put("health", views.health(now_ms, revision=beat, **over))
            moved = views.position(mark=f"{3120.4 + beat % 50 / 10:.2f}", r_now=0.53 + beat % 50 / 400)
            rest = views.positions(now_ms).rows[1:]
            await port.put("positions", views.positions(now_ms, revision=beat, rows=(moved, *rest)))
        if beat % 40 == 0:
            await port.put("signals", views.signals(now_ms, revision=beat))
        if beat % 150 == 60:
            await port.tell(structs.replace(views.notices()[-1], seq=100 + beat, at_ms=now_ms))
        beat += 1
        await asyncio.sleep(0.1)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--theme", default="classic")
    parser.add_argument("--ascii", action="store_true")
    parser.add_argument("--link", default="auto")
    parser.add_argument("--demo", action="store_true")
    parser.add_argument("--tour", action="store_true")
    parser.add_argument("--away", action="store_true")
    args = parser.parse_args()
    port = FakePort()
    options = ConsoleOptions(
        theme=args.theme,
        ascii=args.ascii,
        link=args.link,
        demo=args.demo,
        tour=args.tour,
        notices_after=1 if args.away else None,
    )
    app = PerpdeckApp(port, options)
    market = asyncio.create_task(live(port, args.demo))
    await app.run_async(mouse=False)
    market.cancel()


if __name__ == "__main__":
    asyncio.run(main())
