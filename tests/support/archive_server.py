"""An archive of candles as the exchange publishes it: zipped CSV files with their checksums, over HTTP on loopback.

Files are made to order: with or without a header line, and with the kinds of damage that were seen in the real one.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiohttp import web

from engine.market.archive import ArchiveFile, archive_plan
from engine.market.bars import Bar
from strategies.model import TIMEFRAME_MS

HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
DAMAGES = ("", "wrong checksum", "no checksum", "no file", "cut file", "cut rows", "rows twice", "rows disputed")


def csv_rows(tf: str, bars: Iterable[Bar]) -> list[str]:
    """Lines as the archive writes them."""
    step = TIMEFRAME_MS[tf]
    return [
        f"{bar.open_ms},{bar.open},{bar.high},{bar.low},{bar.close},{bar.volume},{bar.open_ms + step - 1},"
        f"{bar.volume * bar.close},3,{bar.taker_buy},{bar.taker_buy * bar.close},0"
        for bar in bars
    ]


def zipped(name: str, rows: Iterable[str]) -> bytes:
    """One file as it is offered."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as pack:
        pack.writestr(name, "\n".join(rows) + "\n")
    return held.getvalue()


class ArchiveServer:
    """What is on offer, and what was asked for."""

    def __init__(self) -> None:
        self.url = ""
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.failures: dict[str, int] = {}  # path -> how often it answers 503 first

    def put(self, file: ArchiveFile, tf: str, bars: Iterable[Bar], header: bool = True, damage: str = "") -> None:
        """Offer one file; `damage` is one of `DAMAGES`."""
        assert damage in DAMAGES
        rows = csv_rows(tf, (bar for bar in bars if file.start_ms <= bar.open_ms < file.end_ms))
        if damage == "cut rows":
            rows[-1] = rows[-1][: len(rows[-1]) // 3]
        if damage == "rows twice":
            rows += rows[:5]
        if damage == "rows disputed":
            rows += [rows[0].replace(rows[0].split(",")[4], "1.0", 1)]
        name = file.path.rsplit("/", 1)[1]
        packed = zipped(name.replace(".zip", ".csv"), [HEADER, *rows] if header else rows)
        digest = hashlib.sha256(b"other" if damage == "wrong checksum" else packed).hexdigest()
        if damage == "cut file":
            packed = packed[: len(packed) // 2]
        if damage != "no file":
            self.files[file.path] = packed
        if damage != "no checksum":
            self.files[f"{file.path}.CHECKSUM"] = f"{digest}  {name}\n".encode()

    def put_range(self, symbol: str, tf: str, start_ms: int, end_ms: int, bars: list[Bar]) -> list[ArchiveFile]:
        """Offer every file of a range, undamaged, every other one without a header; the files."""
        plan = list(archive_plan(symbol, tf, start_ms, end_ms))
        for number, file in enumerate(plan):
            self.put(file, tf, bars, header=number % 2 == 0)
        return plan

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        if self.failures.get(request.path, 0) > 0:
            self.failures[request.path] -= 1
            return web.Response(status=503)
        body = self.files.get(request.path)
        return web.Response(status=404, text="<Error>NoSuchKey</Error>") if body is None else web.Response(body=body)


@asynccontextmanager
async def serving() -> AsyncIterator[ArchiveServer]:
    """An archive that listens on a free port of this machine."""
    archive = ArchiveServer()
    app = web.Application()
    app.router.add_get("/{path:.*}", archive._answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    archive.url = f"http://{host}:{port}"
    try:
        yield archive
    finally:
        await runner.cleanup()
