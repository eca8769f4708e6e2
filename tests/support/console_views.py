"""Views of a plausible desk, for frames, pilots and the show."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from engine.port import notices as n
from engine.port import views as v

NOW_MS = 1_767_226_038_000  # 00:07:18 UTC, seven minutes into a 15m bar
BAR_MS = 900_000


def signal(**over: Any) -> v.SignalRow:
    base: dict[str, Any] = {
        "id": "s1", "revision": 3, "at_ms": NOW_MS - 438_000, "symbol": "BTCUSDT", "side": "long",
        "strategy": "action_price", "mode": "STANDARD", "score": 7.0, "reward_risk": 2.0,
        "expires_ms": NOW_MS + 372_000, "state": "pending", "entry": "60000.0", "stop": "59400.0",
    }  # fmt: skip
    return v.SignalRow(**(base | over))


def signals(now_ms: int = NOW_MS, revision: int = 1) -> v.SignalsView:
    rows = (
        signal(expires_ms=now_ms + 372_000),
        signal(
            id="s2", symbol="SOLUSDT", side="short", strategy="break_retest", mode=None, score=3.4, reward_risk=1.5,
            expires_ms=now_ms + 372_000, entry="142.310", stop="143.020",
        ),
        signal(
            id="s3", at_ms=NOW_MS - 438_000 - BAR_MS, symbol="ETHUSDT", score=4.0, state="refused",
            reason="stop 3.1 > 3.0 ATR",
        ),
        signal(id="s4", at_ms=NOW_MS - 438_000 - 2 * BAR_MS, symbol="XRPUSDT", side="short",
               strategy="order_flow", mode=None, score=3.9, state="expired", reason="nobody decided"),
        signal(id="s5", at_ms=NOW_MS - 438_000 - 3 * BAR_MS, symbol="1000PEPEUSDT", strategy="pullback", mode=None,
               score=4.4, state="approved", reason="by console:ann"),
        signal(id="s6", at_ms=NOW_MS - 438_000 - 5 * BAR_MS, symbol="DOGEUSDT", strategy="atr_momentum", mode=None,
               score=5.1, state="closed", reason="+1.12R trail"),
    )  # fmt: skip
    return v.SignalsView(revision=revision, as_of_ms=now_ms, rows=rows, waiting=2, refused_recent=1)


COMPONENTS = (
    ("initiator_size", 1.21, 2.0), ("confirm_depth", 0.42, 1.0), ("close_position", -0.1, 1.0),
    ("slope200", 0.24, 1.0), ("ema_fan", 0.31, 1.0), ("gap_to_atr", 0.55, 0.0), ("ema200_stickiness", 3.0, -2.0),
    ("confirm_color", 0.9, 1.0), ("break_and_base", 0.0, 0.0), ("retest_tag", None, 0.0),
    ("initiator_wick", 0.27, 2.0),
)  # fmt: skip


def ticket(**over: Any) -> v.Ticket:
    base: dict[str, Any] = {
        "quantity": "0.083", "entry": "60003.4", "stop": "59400.0",
        "targets": (("60603.4", "0.024", 1.0), ("61203.4", "0.033", 2.0)), "risk_usdt": 50.08, "risk_pct": 0.5008,
        "notional": 4980.28, "slippage_bps": 0.57, "slippage_r": 0.006, "fees_r": 0.099, "funding_r": -0.004,
        "liquidation": "48210.5", "liquidation_beyond_stop_pct": 18.8, "margin_left": 9502.11,
        "worst_case_usdt": -55.12, "reward_risk": 1.83,
    }  # fmt: skip
    return v.Ticket(**(base | over))


def breakdown(now_ms: int = NOW_MS, revision: int = 1, **over: Any) -> v.BreakdownView:
    base: dict[str, Any] = {
        "signal": signal(expires_ms=now_ms + 372_000),
        "components": tuple(v.Term(name, value, points) for name, value, points in COMPONENTS),
        "modifiers": (v.Term("btc_filter", 0.12, 0.0),),
        "flips": ("score under 4: confirm_depth at 1.00 ATR or deeper", "BTC down 0.3 % in 3 h"),
        "stop_source": "zone", "targets": (("60600.0", 1.0), ("61200.0", 2.0)), "ticket": ticket(),
        "measured": "41 trades, PF 1.12, +0.04R each",
    }  # fmt: skip
    return v.BreakdownView(revision=revision, as_of_ms=now_ms, **(base | over))


def position(**over: Any) -> v.PositionRow:
    base: dict[str, Any] = {
        "id": "p1", "signal_id": "s0", "revision": 9, "symbol": "ETHUSDT", "side": "long",
        "strategy": "action_price", "quantity": "1.204", "entry": "3098.20", "mark": "3120.40", "stop": "3098.20",
        "stop_order_id": 77, "protected": True,
        "tiers": (
            v.TierRow(1.0, "3140.10", 0.3, "filled"), v.TierRow(2.0, "3182.00", 0.4, "resting"),
            v.TierRow(None, None, 0.3, "waiting"),
        ),
        "r_now": 0.53, "mfe_r": 1.31, "mae_r": -0.22, "liquidation": "2410.00", "opened_ms": NOW_MS - 2_520_000,
        "time_stop_ms": NOW_MS - 2_520_000 + 14_400_000, "realized_r": 0.29, "realized_usdt": 14.6,
        "open_usdt": 18.71, "state": "open",
    }  # fmt: skip
    return v.PositionRow(**(base | over))


def positions(
    now_ms: int = NOW_MS, revision: int = 1, rows: tuple[v.PositionRow, ...] | None = None
) -> v.PositionsView:
    second = position(
        id="p2", symbol="AVAXUSDT", side="short", quantity="84", entry="31.420", mark="31.602", stop="31.904",
        r_now=-0.38, mfe_r=0.2, mae_r=-0.41, liquidation="39.870", opened_ms=now_ms - 660_000, time_stop_ms=None,
        realized_r=0.0, realized_usdt=0.0, open_usdt=-15.29,
        tiers=(v.TierRow(1.0, "30.936", 0.3, "resting"), v.TierRow(1.5, "30.694", 0.4, "resting"),
               v.TierRow(None, None, 0.3, "waiting")),
    )  # fmt: skip
    return v.PositionsView(
        revision=revision, as_of_ms=now_ms, rows=(position(), second) if rows is None else rows, open_risk_r=1.0
    )


def book(now_ms: int = NOW_MS, revision: int = 1, beat: int = 0, **over: Any) -> v.BookView:
    mid = 60_000.0 + 4.0 * math.sin(beat / 9.0)
    size = [abs(math.sin(i * 12.9898 + beat * 0.07 * (i % 3)) * 43.5) % 9 + 0.02 for i in range(60)]
    asks = tuple((f"{mid + 0.1 + i * 0.1:.1f}", size[i]) for i in range(30))
    bids = tuple((f"{mid - i * 0.1:.1f}", size[30 + i]) for i in range(30))
    base: dict[str, Any] = {
        "symbol": "BTCUSDT", "state": "synced", "tick": "0.1", "bids": bids, "asks": asks, "last": f"{mid:.1f}",
        "mark": f"{mid - 1.3:.1f}", "mid": mid + 0.05, "spread_bps": 0.017, "imbalance": 0.18, "resyncs": 0,
        "age_ms": 40.0, "own": (v.OwnLevel("59999.5", "stop"),),
        "trades": tuple(
            v.TapeTrade(now_ms - i * 300, f"{mid + (i % 3) * 0.1:.1f}", size[i] / 10, i % 2 == 0) for i in range(40)
        ),
    }  # fmt: skip
    return v.BookView(revision=revision, as_of_ms=now_ms, **(base | over))


def regime(now_ms: int = NOW_MS, revision: int = 1, **over: Any) -> v.RegimeView:
    btc = v.SymbolRegime("BTCUSDT", "TREND", 1, 0.71, 31.0, 0.18, 64.0, "bullish")
    eth = v.SymbolRegime("ETHUSDT", "RANGE", 0, 0.55, 17.2, -0.02, 31.0, "neutral")
    base: dict[str, Any] = {
        "focus": eth, "btc": btc, "btc_change_pct": 0.12, "btc_blocks_reversion": False,
        "breadth": {"TREND": 41, "RANGE": 112, "SQUEEZE": 18, "CHOP": 329},
        "closes": tuple(100 + 3 * math.sin(i / 5) + i * 0.05 for i in range(60)), "next_close_ms": now_ms + 13_962_000,
    }  # fmt: skip
    return v.RegimeView(revision=revision, as_of_ms=now_ms, **(base | over))


def limits(now_ms: int = NOW_MS, revision: int = 1, **over: Any) -> v.LimitsView:
    base: dict[str, Any] = {
        "pools": (
            v.Pool("weight 1m", 610, 2400, now_ms + 42_000, {"trading": 40, "interactive": 20, "live": 550}),
            v.Pool("orders10s", 3, 300, now_ms + 4_000), v.Pool("orders 1m", 9, 1200, now_ms + 42_000),
        ),
        "gate": "open", "banned_until_ms": 0, "forecast": "next close: 480 weight, under the limit",
    }  # fmt: skip
    return v.LimitsView(revision=revision, as_of_ms=now_ms, **(base | over))


SERVICES = tuple(
    v.ServiceRow(name, "ok")
    for name in ("journal", "executor", "keeper", "streams", "account", "history", "closes", "pipeline", "telegram")
)


def health(now_ms: int = NOW_MS, revision: int = 1, **over: Any) -> v.HealthView:
    base: dict[str, Any] = {
        "state": "RUNNING", "desk": "running", "desk_reason": "", "paused_until_ms": 0, "venue": "paper",
        "mode": "approve", "account": "main", "pid": 4242, "started_ms": now_ms - 7_200_000, "speed": 1.0,
        "links": {"public": "ok", "market": "ok", "private": "ok", "rest": "ok"}, "services": SERVICES,
        "loop_lag_p99_ms": 4.1, "loop_lag_max_ms_10s": 22.0, "clock_offset_ms": -12.0, "weight_used": 610,
        "weight_limit": 2400, "orders_used": 3, "orders_limit": 300, "open_risk_r": 1.4, "day_r": 0.8,
        "positions_open": 2, "signals_pending": 2, "naked_ms": 0.0, "books_synced": 8, "symbols_live": 500,
        "symbols_total": 512, "load_text": "", "seats": 1, "telegram": "off", "last_error": None,
        "next_close_ms": now_ms + 462_000, "equity": 10_214.37,
    }  # fmt: skip
    return v.HealthView(revision=revision, as_of_ms=now_ms, **(base | over))


def chart(now_ms: int = NOW_MS, revision: int = 1, **over: Any) -> v.ChartView:
    bars = []
    price = 59_400.0
    for i in range(300):
        step = 60 * math.sin(i / 7) + 35 * math.sin(i * 1.7) + 25 * math.sin(i * 0.31)
        close = price + step * 0.6
        high = max(price, close) + abs(40 * math.sin(i * 2.3))
        low = min(price, close) - abs(40 * math.cos(i * 1.9))
        volume = 100 + 80 * abs(math.sin(i * 0.9))
        bars.append(v.ChartBar(now_ms - (300 - i) * BAR_MS, price, high, low, close, volume))
        price = close
    last = bars[-1].close
    base: dict[str, Any] = {
        "symbol": "BTCUSDT", "timeframe": "15m", "tick": "0.1", "bars": tuple(bars),
        "levels": (
            v.ChartLevel("entry", last - 50, last - 50), v.ChartLevel("stop", last - 350, last - 350, "stop"),
            v.ChartLevel("tp1", last + 250, last + 250), v.ChartLevel("zone", last - 500, last - 420, "S key"),
        ),
    }  # fmt: skip
    return v.ChartView(revision=revision, as_of_ms=now_ms, **(base | over))


def performance(now_ms: int = NOW_MS, revision: int = 1, **over: Any) -> v.PerformanceView:
    def row(name: str, trades: int, wins: int, losses: int, net: float) -> v.PerformanceRow:
        return v.PerformanceRow(
            name, trades, wins, losses, trades - wins - losses, wins / trades if trades else None,
            1.12 if trades > 5 else None, net / trades if trades else None, net, 0.91, -0.52,
        )  # fmt: skip

    base: dict[str, Any] = {
        "total": row("total", 41, 19, 17, 3.46),
        "by_strategy": (
            row("action_price", 25, 12, 9, 4.1), row("break_retest", 12, 5, 6, -0.9), row("pullback", 4, 2, 2, 0.26),
        ),
        "equity_r": tuple(0.09 * i + math.sin(i / 3) for i in range(41)), "max_drawdown_r": 2.71,
    }  # fmt: skip
    return v.PerformanceView(revision=revision, as_of_ms=now_ms, **(base | over))


TRADES = tuple(
    {
        "symbol": ("BTCUSDT", "ETHUSDT", "1000PEPEUSDT")[i % 3], "side": ("long", "short")[i % 2],
        "strategy": ("action_price", "break_retest")[i % 2], "opened_ms": NOW_MS - i * 9_000_000 - 5_000_000,
        "closed_ms": NOW_MS - i * 9_000_000, "net_r": math.sin(i) * 1.4, "net_usdt": f"{math.sin(i) * 70:.8f}",
        "taken": i % 4 != 3,
        "reason": ("trail", "stop", None)[i % 3],
    }
    for i in range(60)
)  # fmt: skip


def notices(now_ms: int = NOW_MS) -> tuple[n.AnyNotice, ...]:
    """What an hour may have told."""
    base: list[tuple[type[n.Notice], dict[str, Any]]] = [
        (n.EngineStarted, {"severity": "info", "text": "engine started on paper"}),
        (n.SignalRaised, {"severity": "good", "symbol": "ETHUSDT", "text": "ETHUSDT long AP 6.0", "signal_id": "s0",
                          "score": 6.0, "expires_ms": now_ms}),
        (n.SignalDecided, {"severity": "good", "symbol": "ETHUSDT", "text": "ETHUSDT long approved by console:ann",
                           "signal_id": "s0", "state": "approved", "actor": "console:ann"}),
        (n.EntryFilled, {"severity": "good", "symbol": "ETHUSDT", "text": "ETHUSDT long filled 1.720 at 3098.20",
                         "signal_id": "s0", "price": "3098.20", "quantity": "1.720"}),
        (n.StopPlaced, {"severity": "good", "symbol": "ETHUSDT", "text": "stop rests at 3056.30 after 180 ms",
                        "signal_id": "s0", "price": "3056.30", "naked_ms": 180.0}),
        (n.TierTaken, {"severity": "good", "symbol": "ETHUSDT", "text": "tier 1 taken at 3140.10, +1R",
                       "signal_id": "s0", "tier": 1, "price": "3140.10", "r": 1.0}),
        (n.Degraded, {"severity": "warn", "text": "market stream late: reconnecting", "what": "market"}),
        (n.TradeClosed, {"severity": "good", "symbol": "DOGEUSDT", "text": "DOGEUSDT closed +1.12R, trail",
                         "signal_id": "s6", "net_r": 1.12, "net_usdt": 56.0, "reason": "trail"}),
        (n.OrderRefused, {"severity": "danger", "symbol": "XRPUSDT", "text": "entry refused: margin is insufficient",
                          "signal_id": "s4", "reason": "-2019"}),
    ]  # fmt: skip
    count = len(base)
    return tuple(
        kind(seq=i + 1, at_ms=now_ms - (count - i) * 420_000, **fields) for i, (kind, fields) in enumerate(base)
    )


def desk() -> dict[str, v.AnyView]:
    """A whole desk by topic."""
    return {
        "book": book(), "regime": regime(), "signals": signals(), "breakdown": breakdown(),
        "positions": positions(), "limits": limits(), "health": health(),
    }  # fmt: skip


SYMBOLS = tuple(
    {"symbol": f"{name}USDT", "about": about, "last": last}
    for name, about, last in (
        ("BTC", "trend up", "60000.0"), ("ETH", "range", "3120.40"), ("SOL", "trend down", "142.310"),
        ("BNB", "range", "611.20"), ("1000PEPE", "chop", "0.0101"),
    )
) + tuple({"symbol": f"SYM{i:03d}USDT", "about": "chop", "last": f"{i / 7 + 0.1:.3f}"} for i in range(600))  # fmt: skip


def symbols_json() -> bytes:
    return msgspec.json.encode(SYMBOLS)
