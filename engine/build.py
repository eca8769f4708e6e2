"""Wires an engine from settings: the only place that knows all parts and which venue it is."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import structlog

from config import Loaded, Secrets, Settings
from engine.bus import Bus
from engine.clock import SystemClock
from engine.desk.action_price_log import ActionPriceLog
from engine.desk.answers import Answers
from engine.desk.attention import Attention
from engine.desk.bar_walk import BarWalk
from engine.desk.data_alerts import DataAlerts
from engine.desk.desk import Desk
from engine.desk.directory import Directory
from engine.desk.gauges import Gauges
from engine.desk.holds import Holds
from engine.desk.link_alarm import LinkAlarm
from engine.desk.loss_alarm import LossAlarm
from engine.desk.market_quotes import MarketQuotes
from engine.desk.measured import Measured
from engine.desk.notice_log import NoticeLog
from engine.desk.pictures import Pictures
from engine.desk.recorder import Recorder
from engine.desk.recovery import Recovery
from engine.desk.reports import Reports
from engine.desk.signal_card import SignalCard
from engine.desk.speed import ServedSpeed
from engine.desk.summary import Summary
from engine.desk.telling import Teller
from engine.desk.topics import Topics
from engine.desk.verdicts import Verdicts
from engine.desk.vitals import Vitals
from engine.embedded import start_or_adopt
from engine.exchange.archive_files import ArchiveFiles
from engine.exchange.client import ExchangeClient
from engine.exchange.instance import instance_name
from engine.exchange.key_rights import refuse_withdrawals
from engine.exchange.transport import AiohttpTransport
from engine.exchange.venue import Venue, venue_for
from engine.log import Masker, open_logs
from engine.market.archive import Archive
from engine.market.books import Books
from engine.market.candles import CandlePanels
from engine.market.closes import Closes
from engine.market.context import MarketContext
from engine.market.coordinator import Place, SymbolLoadCoordinator
from engine.market.feed import MarketFeed
from engine.market.fetch import BarFetcher
from engine.market.history import HistoryLoader
from engine.market.imbalance import ImbalanceBoard
from engine.market.listings import Listings
from engine.market.loading import Loading
from engine.market.repair import GapRepair
from engine.memory import give_back, share_heap
from engine.money import Instrument
from engine.paper_client import paper_client
from engine.port.address import socket_path
from engine.port.commands import Reply, StopEngine
from engine.port.notices import AnyNotice, Degraded
from engine.port.server import PortServer
from engine.runtime import Engine, Parts
from engine.store.database import Database
from engine.store.history_queries import HistoryQueries
from engine.store.history_writer import HistoryWriter
from engine.store.journal import Journal
from engine.store.migrate import migrate
from engine.store.queries import TradingQueries
from engine.store.reader import Reader
from engine.store.upkeep import Upkeep
from engine.supervise import Failure, LagMeter, Policy, Supervisor
from engine.trading.apart import Apart
from engine.trading.crash import die_at
from engine.trading.floor import TradingFloor
from engine.trading.pipeline import Pipeline
from engine.trading.pricing import Surroundings
from engine.trading.snapshots import Analyst
from engine.trading.user_strategies import UserStrategies, load_user_strategies

log = structlog.get_logger("engine")

PREFIX = "pd"


async def build_engine(loaded: Loaded, home: Path, *, record: bool = False) -> Engine:
    """An engine ready to run. Starts or adopts the embedded exchange where the venue is sim.

    With `record` it keeps the session below `recordings/` of the home, for replay.
    Raises ExchangeDidNotStart, StoreError, KeyUnusable.
    """
    share_heap()
    settings = loaded.settings
    clock = SystemClock()
    secrets_values = tuple(getattr(loaded.secrets, name) for name in Secrets.__struct_fields__)
    open_logs(home / "logs", settings.log.level, settings.log.keep_days, clock, secrets_values)
    venue, secrets, instance, control = await _venue(settings, loaded.secrets, home)
    if venue.name == "live" and not await refuse_withdrawals(secrets, venue, clock):
        log.warning("key_rights_unknown", hint="see on the exchange that the key may not withdraw")
    trading_url, history_url = _urls(settings, home, instance)
    migrate(trading_url, "trading")
    migrate(history_url, "history")
    keep = Masker(secrets_values).clean if record else None
    return _wired(loaded, home, clock, venue, secrets, trading_url, history_url, control, keep)


async def _venue(settings: Settings, secrets: Secrets, home: Path) -> tuple[Venue, Secrets, str, str]:
    """Where to trade, with which key, the name of this instance of the exchange, and where its speed is set."""
    if settings.venue != "sim" or settings.sim.url:
        venue = venue_for(settings)
        return venue, secrets, await _served(venue, home) if settings.venue == "sim" else "", ""
    sim = settings.sim
    options = ["--scenario", sim.scenario, "--speed", repr(sim.speed), "--seed", str(sim.seed)]
    options += ["--balance", repr(sim.balance)]
    if sim.start_bar >= 0:
        options += ["--start-bar", str(sim.start_bar)]
    if sim.into_bar_s >= 0:
        options += ["--into-bar", repr(sim.into_bar_s)]
    if sim.symbols:
        options += ["--symbols", ",".join(sim.symbols)]
    exchange = await start_or_adopt(home, options)
    keys = Secrets(api_key=exchange.api_key, api_secret=exchange.api_secret)
    return venue_for(settings, "sim", exchange.rest), keys, f"exchange-{exchange.pid}", exchange.rest


async def _served(venue: Venue, home: Path) -> str:
    transport = AiohttpTransport(5.0, proxied=not venue.loopback)
    try:
        return await instance_name(venue.rest, transport, home / venue.name)
    finally:
        await transport.close()


def _urls(settings: Settings, home: Path, instance: str) -> tuple[str, str]:
    """Databases of a venue; an embedded exchange keeps nothing, so each instance of it has its own."""
    folder = home / settings.venue / instance if instance else home / settings.venue
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    trading = settings.store.trading_url or f"sqlite:///{folder / 'trading.sqlite'}"
    history = settings.store.history_url or f"sqlite:///{folder / 'history.sqlite'}"
    return trading, history


def _wired(
    loaded: Loaded, home: Path, clock: SystemClock, venue: Venue, secrets: Secrets, trading_url: str,
    history_url: str, control: str, clean_record: Callable[[Any], Any] | None = None,
) -> Engine:  # fmt: skip
    settings = loaded.settings
    rng = random.Random(time.monotonic_ns())
    bus, lag = Bus(), LagMeter(clock)
    trading_db, history_db = Database(trading_url, "trading"), Database(history_url, "history")
    journal, history = Journal(trading_db, clock), Journal(history_db, clock)
    queries, history_queries = TradingQueries(Reader(trading_db)), HistoryQueries(Reader(history_db))
    writer = HistoryWriter(history)
    late = _Late()
    supervisor = Supervisor(clock, rng, on_exhausted=late.exhausted, on_error=late.failed)
    client = ExchangeClient(venue, secrets, settings.exchange, clock, rng, on_ban=late.banned)

    instruments: dict[str, Instrument] = {}
    books = Books(settings.books, clock, bus, client.market, lambda symbol: float(instruments[symbol].tick))
    imbalance = ImbalanceBoard()
    feed = MarketFeed(client.streams, books, imbalance, clock)
    panels = CandlePanels()
    coordinator = SymbolLoadCoordinator(clock.mono_ms)

    def live() -> list[str]:
        return coordinator.members(Place.ACTIVE)

    fetcher = BarFetcher(clock, bus, client.market, writer)
    repair = GapRepair(settings.history, clock, bus, fetcher, history, history_queries, panels, client.ledger, live)
    closes = Closes(settings.history, clock, bus, panels, fetcher, writer, live, repair.report)
    download = AiohttpTransport(settings.exchange.connect_timeout_s)
    archive = Archive(ArchiveFiles(venue.archive, download, clock)) if venue.archive else None
    loader = HistoryLoader(settings.history, clock, fetcher, history, history_queries, panels, archive)
    context = MarketContext(client.market, feed, books, imbalance, clock)
    analyst = Analyst(settings.strategies)

    quotes = MarketQuotes(books, feed, clock)
    around = Surroundings(
        quote=quotes.quote, instrument=instruments.get, seats=late.seats, venue=settings.venue,
        config_hash=loaded.fingerprint,
    )  # fmt: skip
    trader: ExchangeClient = client
    on_paper_price: Callable[[str, Decimal, Decimal], None] | None = None
    if not client.can_trade or settings.venue == "paper":
        trader, paper = paper_client(settings, clock, rng, instruments, feed, quotes.quote)
        on_paper_price = paper.on_price
    at_point = die_at(settings.sim.crash_at if settings.venue == "sim" else "")
    floor = TradingFloor(trader.gateway, journal, bus, clock, settings, around, prefix=PREFIX, at_point=at_point)
    action_price = ActionPriceLog(home / "logs", clock, loaded.fingerprint)
    verdicts = Verdicts(floor, action_price.verdict, journal.put)
    files = [home / Path(name).expanduser() for name in settings.user_strategies]
    users, broken = load_user_strategies(files)
    pipeline = Pipeline(
        analyst, panels, instruments, context, clock, verdicts.blocks_of, verdicts.take, late.fallen,
        users=UserStrategies(users, Apart("user strategies")), compared=verdicts.compared,
        executor=Apart("zone arms"), tidy=give_back,
    )  # fmt: skip
    listings = Listings(
        settings.universe, clock, bus, client.market, coordinator, journal,
        held=lambda: {position.plan.symbol for position in floor.keeper.positions()},
        all_candidates=settings.venue == "sim",
    )  # fmt: skip
    loading = Loading(settings.history.parallel, clock, bus, coordinator, loader, client.ledger, listings.listed_ms)
    gauges = Gauges(settings, clock, client, trader, supervisor, lag, coordinator, books, floor, late.seats)
    gauges.load_text = lambda: loading.text
    gauges.banner = "DEMO · recorded data" if control else ""
    notices = NoticeLog(clock, on_notice=late.store_notice)
    # A mode somebody set at run time outlives a restart, unless this start names one itself.
    keep_mode = loaded.origin["mode"].line > 0
    recovery = Recovery(clock, journal, queries, floor, notices, gauges, keep_mode)
    late.gauges, late.floor, late.recovery, late.notices = gauges, floor, recovery, notices
    for failure in broken:
        late.fallen(failure, "")
    Teller(bus, notices, floor, instruments)
    alerts = DataAlerts(bus, clock, notices, journal.put)
    walk = BarWalk(clock, floor, panels, history_queries, client.market)
    upkeep = Upkeep(settings.store, clock, writer, journal)

    def forget(symbol: str) -> None:
        """A symbol left the universe: nobody keeps anything of it in memory."""
        pipeline.regimes.pop(symbol, None)
        for part in (panels, imbalance, analyst, feed, alerts.book):
            part.forget(symbol)

    pictures = Pictures(
        clock, books, feed, panels, pipeline, floor, verdicts, instruments, settings.strategies,
        settings.books.show_levels, Measured.read(home),
    )  # fmt: skip
    summary = Summary(settings, clock, bus, client, coordinator, floor, pipeline, gauges, lag, supervisor)
    own = {one.name: one.tf for one in users}
    reports = Reports(clock, queries, floor, pipeline, panels, instruments, settings.strategies, own)
    answers = Answers(
        clock, str(home), queries, floor, verdicts, gauges, notices, instruments, settings.strategies, summary.value
    )

    def focus(symbol: str) -> bool:
        """Show this symbol; an empty one only looks again at what is wanted."""
        if symbol and symbol not in instruments:
            return False
        pictures.focus = symbol or pictures.focus
        attention.refocus()
        return True

    vitals = Vitals(clock, bus, client, coordinator, feed, pipeline, floor, gauges, journal, settings.strategies, own)
    answers.join(reports.table())
    answers.join(vitals.table())
    answers.join(Directory(coordinator, instruments, pipeline.regimes, feed.last).table())
    answers.join(SignalCard(answers, reports, pictures, settings).table())
    topics = _topics(clock, pictures, gauges)
    desk = Desk(
        clock, topics, notices, floor, answers, quotes, focus, ServedSpeed(control, clock).set, late.stop,
        pipeline.precedence,
    )  # fmt: skip
    server = PortServer(desk, socket_path(home))
    late.server = server

    def screen_symbols() -> set[str]:
        return {pictures.focus} | ({answers.asked_symbol} if answers.asked_symbol else set())

    attention = Attention(clock, bus, feed, listings, instruments, floor, forget, screen_symbols, on_paper_price)
    losses = LossAlarm(
        floor.keeper.portfolio, lambda: floor.facts.equity, settings.risk, clock, notices, floor.standing.halt
    )
    engine = Engine(
        Parts(
            clock, bus, supervisor, lag, journal, history, client, trader, listings, instruments, books, feed,
            closes, loading, repair, pipeline, floor, recovery, notices, gauges, desk, server, summary,
            attention, walk, download.close,
            answers, queries,
            [
                ("data alerts", alerts.run, Policy.BEST_EFFORT), ("upkeep", upkeep.run, Policy.RESTART),
                ("holds", Holds(client, journal, floor.standing, clock).run, Policy.RESTART),
                ("link alarm", LinkAlarm(client.links, clock, notices).run, Policy.BEST_EFFORT),
                ("loss alarm", losses.run, Policy.RESTART),
            ],
        )
    )  # fmt: skip
    late.engine = engine
    if clean_record is not None:
        recorder = Recorder(
            clock, topics.now, notices, lambda: pictures.focus, lambda: list(instruments), home / "recordings",
            clean_record,
        )  # fmt: skip
        engine.add_service("recorder", recorder.run)
    return engine


def _topics(clock: SystemClock, pictures: Pictures, gauges: Gauges) -> Topics:
    topics = Topics(clock)
    for name, builder in (
        ("book", pictures.book), ("regime", pictures.regime), ("signals", pictures.signals),
        ("breakdown", pictures.breakdown), ("chart", pictures.chart), ("positions", gauges.positions),
        ("limits", gauges.limits), ("health", gauges.health), ("performance", gauges.performance),
    ):  # fmt: skip
        topics.add(name, builder)
    return topics


class _Late:
    """Parts that are needed before they exist: calls find them once the engine is wired."""

    gauges: Gauges
    floor: TradingFloor
    recovery: Recovery
    notices: NoticeLog
    server: PortServer
    engine: Engine

    def seats(self) -> int:
        return self.server.seats

    async def stop(self, command: StopEngine) -> Reply:
        return await self.engine.stop_command(command)

    async def banned(self, until_ms: int, reason: str) -> None:
        await self.recovery.remember_ban(until_ms, reason)

    def store_notice(self, notice: AnyNotice) -> None:
        self.recovery.store_notice(notice)

    def exhausted(self, name: str, why: str) -> None:
        self.gauges.last_error = f"{name} keeps failing: {why}"
        self.floor.standing.hold(f"service {name}", why)

    def failed(self, name: str, error: BaseException) -> None:
        """A service fell over and will be started again, or the engine ends."""
        text = f"{name}: {type(error).__name__}: {error}"
        self.gauges.last_error = text
        self.notices.tell(Degraded, text, severity="warn", what=name)

    def fallen(self, failure: Failure, symbol: str) -> None:
        self.gauges.last_error = f"{failure.name}: {failure.text}"
