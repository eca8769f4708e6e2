"""A desk on which everything closes all the time: the real analysis of many symbols, behind the real port.

Run as `python -m tests.bench.closing_desk HOME SYMBOLS [inline]`: prints `ready` when history is warm and the socket
is open, and then closes again and again until SIGTERM. With `inline` there is no socket: the screen runs on the same
loop, as in `perpdeck run --inline`. Numbers of closes done go to HOME/closes.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from console.app import PerpdeckApp
from console.options import ConsoleOptions
from engine.port.address import EngineLock, socket_path
from engine.port.server import PortServer
from engine.trading.pipeline import Pipeline
from tests.bench.bench_close import Market, nowhere, warm_pipeline
from tests.support.fake_port import FakePort
from tests.support.show_console import live

CLOSES = 60
BETWEEN_S = 0.3


async def close_again_and_again(pipeline: Pipeline, market: Market, file: Path) -> None:
    """One close after another."""
    for number in range(CLOSES):
        pipeline.on_closed(market.close(number))
        await pipeline.idle.wait()
        report = pipeline.report
        file.write_text(  # noqa: ASYNC240 - a few bytes
            f"{number + 1} {report.wall_ms if report is not None else 0:.0f}"
        )
        await asyncio.sleep(BETWEEN_S)


async def main(home: Path, symbols: int, inline: bool) -> None:
    market = Market(symbols, CLOSES)
    pipeline = warm_pipeline(market, nowhere)
    ended, port = asyncio.Event(), FakePort()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    work = [asyncio.create_task(live(port, demo=False)), asyncio.create_task(pipeline.run())]
    closing = asyncio.create_task(close_again_and_again(pipeline, market, home / "closes"))
    if inline:
        await PerpdeckApp(port, ConsoleOptions()).run_async(mouse=False)
    else:
        EngineLock(home).take()
        server = PortServer(port, socket_path(home))
        await server.start()
        print("ready", flush=True)
        await ended.wait()
        await server.close()
    for task in (*work, closing):
        task.cancel()


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:] == ["inline"]))
