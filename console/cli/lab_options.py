"""What the commands of the laboratory share: which data, which rules, which costs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from console.cli.failure import CommandFailed, Exit
from console.cli.invocation import Invocation
from console.cli.progress import Progress

if TYPE_CHECKING:
    from config.schema import Settings
    from engine.research.backtest import Job
    from engine.research.data import Tape
    from engine.research.own import OwnFile

F = TypeVar("F", bound=Callable[..., Any])
OWN = "own."  # begins the name of a parameter of a strategy of the user's


class Day(click.ParamType[int]):
    """A UTC date, as milliseconds of its midnight."""

    name = "date"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return int(datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC).timestamp() * 1000)
        except ValueError:
            self.fail(f"{value!r} is not a date such as 2025-10-31", param, ctx)


class Pairs(click.ParamType[tuple[str, str]]):
    """A setting and its value, as KEY=VALUE."""

    name = "key=value"

    def convert(
        self, value: str | tuple[str, str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        key, equals, text = value.partition("=")
        if not equals or not key:
            self.fail(f"{value!r} is not KEY=VALUE", param, ctx)
        return key, text


_OPTIONS = [
    click.option(
        "--data", type=click.Path(path_type=Path, exists=True, file_okay=False),
        help="Folder of SYMBOL.parquet files, optionally below 15m/ (and 1m/); without it the stored candles.",
    ),
    click.option("--symbols", default="all", metavar="A,B|all", show_default=True),
    click.option("--from", "from_ms", type=Day(), metavar="DATE", help="First day, UTC; earlier bars warm up."),
    click.option("--to", "to_ms", type=Day(), metavar="DATE", help="Day after the last one, UTC."),
    click.option("--strategy", "strategies", multiple=True, metavar="NAME|FILE.py",
                 help="One of the house, one of yours in the settings, or a file; repeat for several, default all."),
    click.option("--zones", type=click.Choice(["v2", "v3"])),
    click.option("--estimate-flow", is_flag=True, help="Stand in for missing taker volume by close location."),
    click.option("--taker-bps", type=click.FloatRange(min=0), default=None, help="Default: setting risk.taker_bps."),
    click.option("--maker-bps", type=click.FloatRange(min=0), default=None, help="Default: as the taker."),
    click.option("--slippage-bps", type=click.FloatRange(min=0), default=1.0, show_default=True),
    click.option("--funding", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE.parquet",
                 help="Recorded settlements."),
    click.option("--assumed-funding-bps", type=float, default=0.0, show_default=True,
                 help="Paid by longs every eight hours for which none was recorded."),
    click.option("--set", "sets", multiple=True, type=Pairs(), metavar="KEY=VALUE",
                 help="Any setting, or own.STRATEGY.PARAMETER, for this call."),
    click.option("--seed", type=int, default=7, show_default=True),
    click.option("--workers", type=click.IntRange(min=1), default=None, help="Processes; default one a core."),
]  # fmt: skip


def laboratory(command: F) -> F:
    """Adds the options to a command; `job_of` reads them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def job_of(call: Invocation, given: dict[str, Any], **more: Any) -> Job:
    """The question those options ask. Raises CommandFailed for what cannot be asked."""
    from engine.research.backtest import Job
    from engine.research.data import files_of
    from engine.research.grid import GridFault, applied
    from engine.research.walk import Fees

    loaded = call.load(_flags(given)).settings
    folder = given["data"] if given["data"] is not None else _from_store(call)
    known = files_of(folder)
    wanted = tuple(name for name in str(given["symbols"]).upper().split(",") if name)
    symbols = tuple(known) if wanted in ((), ("ALL",)) else wanted
    missing = [symbol for symbol in symbols if symbol not in known]
    if missing:
        raise CommandFailed(Exit.USAGE, f"no candles of {', '.join(missing)}", name="usage", where=str(folder))
    names, own = _strategies(call, loaded, [part for name in given["strategies"] for part in name.split(",") if part])
    if given["from_ms"] is not None and given["to_ms"] is not None and given["from_ms"] >= given["to_ms"]:
        raise CommandFailed(Exit.USAGE, "--from is not before --to", name="usage")
    taker = given["taker_bps"] if given["taker_bps"] is not None else loaded.risk.taker_bps
    maker = given["maker_bps"] if given["maker_bps"] is not None else taker
    job = Job(
        folder=str(folder), symbols=tuple(sorted(set(symbols))), settings=loaded.strategies, exits=loaded.exits,
        risk=loaded.risk, fees=Fees(taker / 1e4, maker / 1e4, given["slippage_bps"] / 1e4), strategies=names,
        own=own, from_ms=given["from_ms"], to_ms=given["to_ms"], seed=given["seed"],
        funding_file=str(given["funding"]) if given["funding"] is not None else "",
        assumed_funding=given["assumed_funding_bps"] / 1e4, **more,
    )  # fmt: skip
    try:
        return applied(job, {key: value for key, value in _sets(given).items() if key.startswith(OWN)})
    except GridFault as fault:
        raise CommandFailed(Exit.USAGE, str(fault), name="usage") from fault


@contextmanager
def measuring(progress: Progress | None = None) -> Iterator[None]:
    """Bad data, or a strategy of the user's that is gone, ends the command; the bar is finished either way."""
    from engine.research.data import DataFault
    from engine.trading.user_strategies import UserStrategyFailed

    try:
        yield
    except DataFault as fault:
        raise CommandFailed(Exit.USAGE, fault.what, name="bad_data", where=str(fault.file)) from fault
    except UserStrategyFailed as fault:
        raise CommandFailed(Exit.USAGE, fault.what, name="bad_strategy", where=fault.place) from fault
    finally:
        if progress is not None:
            progress.finish()


def stored(call: Invocation) -> dict[str, Tape]:
    """The candles the desk of this home has stored. Raises CommandFailed where there are none."""
    import asyncio

    from engine.research.stored import stored_tapes
    from engine.store.database import Database
    from engine.store.history_queries import HistoryQueries
    from engine.store.places import database_urls, newest_instance
    from engine.store.reader import Reader

    settings = call.load().settings
    url = database_urls(settings, call.home, newest_instance(settings, call.home))["history"]
    database = Database(url, "history")
    hint = "--data DIR, a folder of SYMBOL.parquet files"
    if database.path is not None and not database.path.exists():
        raise CommandFailed(Exit.USAGE, "no candles given and none stored", name="usage", hint=hint)

    async def ask() -> dict[str, Tape]:
        reader = Reader(database)
        try:
            return await stored_tapes(HistoryQueries(reader))
        finally:
            await reader.close()

    tapes = asyncio.run(ask())
    if not tapes:
        raise CommandFailed(Exit.USAGE, "no candles given and none stored", name="usage", hint=hint)
    return tapes


def _from_store(call: Invocation) -> Path:
    from engine.research.data import DataFault
    from engine.research.stored import write_folder

    try:
        return write_folder(call.home / "cache" / "candles", stored(call))
    except DataFault as fault:
        raise CommandFailed(Exit.USAGE, fault.what, name="usage", where=str(fault.file)) from fault


def workers_of(given: dict[str, Any]) -> int:
    """Processes to use."""
    return int(given["workers"] or len(os.sched_getaffinity(0)))


def _sets(given: dict[str, Any]) -> dict[str, Any]:
    import yaml

    return {key: yaml.safe_load(text) for key, text in given["sets"]}


def _flags(given: dict[str, Any]) -> dict[str, Any]:
    flags = {key: value for key, value in _sets(given).items() if not key.startswith(OWN)}
    if given["zones"] is not None:
        flags["strategies.zones.provider"] = given["zones"]
    if given["estimate_flow"]:
        flags["strategies.measures.flow.estimate"] = "close_location"
    return flags


def own_files(call: Invocation, settings: Settings) -> tuple[OwnFile, ...]:
    """The user's strategies as the settings name them; one that does not load is told and left out."""
    from engine.research.own import own_file
    from engine.trading.user_strategies import load_user_strategies

    paths = [call.home / Path(name).expanduser() for name in settings.user_strategies]
    loaded, broken = load_user_strategies(paths, logged=False)
    for failure in broken:
        call.say(f"left out {failure.error}")
    return tuple(own_file(strategy) for strategy in loaded)


def _strategies(call: Invocation, settings: Settings, asked: list[str]) -> tuple[tuple[str, ...], tuple[OwnFile, ...]]:
    """Names to ask for and the files of those that are the user's; nothing asked for is everything."""
    from engine.research.own import own_file
    from engine.trading.user_strategies import load_user_strategies
    from strategies.model import StrategyId

    house = [name.value for name in StrategyId]
    if all(name in house for name in asked):
        return tuple(asked), () if asked else own_files(call, settings)
    paths = [Path(name) for name in asked if name.endswith(".py")]
    loaded, broken = load_user_strategies(paths, logged=False)
    if broken:
        raise CommandFailed(Exit.USAGE, str(broken[0].error), name="bad_strategy")
    chosen = {strategy.name: own_file(strategy) for strategy in loaded}
    named = {file.name: file for file in own_files(call, settings)}
    for name in asked:
        if name in house or name in chosen or name.endswith(".py"):
            continue
        if name not in named:
            known = f"one of {', '.join((*house, *named))}, or a file of yours that ends in .py"
            raise CommandFailed(Exit.USAGE, f"no strategy {name!r}", name="usage", hint=known)
        chosen[name] = named[name]
    return (*(name for name in asked if name in house), *chosen), tuple(chosen.values())


def read_yaml(file: Path) -> Any:
    """A decoded YAML file; what is wrong with it ends the command."""
    import yaml

    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CommandFailed(Exit.USAGE, f"not YAML: {error}", name="bad_grid", where=str(file)) from error
