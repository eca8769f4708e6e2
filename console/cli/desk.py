"""Commands that act on a running desk or read from it; the same gate as the keys."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypedDict

import click

from console.cli.durations import Duration
from console.cli.failure import CommandFailed, Exit
from console.cli.invocation import Invocation, confirm_name, shared
from console.cli.seat import actor, ask, command_id, query
from console.cli.tables import table
from engine.port.commands import (
    ApproveSignal,
    BlockSymbol,
    ClosePosition,
    Flatten,
    Kill,
    Pause,
    PreviewTicket,
    Reconcile,
    RejectSignal,
    Resume,
    SetMode,
    UnblockSymbol,
)

SIGNAL_STATES = ("pending", "approved", "rejected", "expired", "refused", "closed")


class Who(TypedDict):
    """What every command starts with."""

    id: str
    actor: str


def _who() -> Who:
    return Who(id=command_id(), actor=actor())


def _clock(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%m-%d %H:%M") if ms else ""


def _account(call: Invocation) -> str:
    return str(query(call, "status").get("account", "main"))


@click.group(invoke_without_command=True)
@click.pass_context
def signals(ctx: click.Context) -> None:
    """Signals: list, show, explain; what was not taken."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_signals, state=None)


@signals.command("list")
@click.option("--state", type=click.Choice(SIGNAL_STATES))
@shared
def list_signals(call: Invocation, state: str | None) -> None:
    """Signals of this home, newest first."""
    rows = query(call, "signals", state=state)
    cells = [
        (_clock(row["bar_time"]), row["symbol"], row["side"], row["strategy"], row["mode"] or "", _num(row["score"]),
         row["entry"] or "", row["stop"] or "", row["state"], row.get("reason") or "", row["id"])
        for row in rows
    ]  # fmt: skip
    head = ("time", "symbol", "side", "strategy", "mode", "score", "entry", "stop", "state", "reason", "id")
    call.data(rows, table(head, cells) if rows else "no signals yet")


@signals.command()
@click.argument("signal_id")
@shared
def show(call: Invocation, signal_id: str) -> None:
    """One signal in the shape of the contract."""
    call.data(query(call, "signal", id=signal_id))


@signals.command()
@click.argument("signal_id")
@shared
def explain(call: Invocation, signal_id: str) -> None:
    """Every component with its raw input and points, their sum, and what would flip the verdict."""
    value = query(call, "signal", id=signal_id)
    words = (value[name] or "" for name in ("symbol", "side", "strategy", "mode", "state", "reason"))
    lines = ["  ".join(words)]
    terms = [*value["components"], *value["modifiers"]]
    lines.append(
        table(("term", "input", "points"), [(t["name"], _num(t["input"]), f"{t['points']:+g}") for t in terms])
    )
    lines.append(f"sum {sum(term['points'] for term in terms):g} = score {value['score']}")
    checks = value.get("conditions") or []
    if checks:
        lines.append(
            table(
                ("condition", "state", "value", "need"),
                [(c["name"], c["state"], _num(c["value"]), c["need"]) for c in checks],
            )
        )
    lines.extend(value.get("flips") or [])
    call.data(value, "\n".join(lines))


@signals.command()
@shared
def shadow(call: Invocation) -> None:
    """Outcomes of signals that were not taken."""
    rows = query(call, "shadow")
    cells = [
        (
            _clock(r["bar_time"]),
            r["symbol"],
            r["side"],
            r["strategy"],
            r["state"],
            _num(r["net_r"]),
            r["exit_reason"] or "",
        )
        for r in rows
    ]
    call.data(
        rows, table(("time", "symbol", "side", "strategy", "state", "net R", "exit"), cells) if rows else "nothing yet"
    )


@click.command()
@click.argument("signal_id")
@click.option("--risk", type=click.FloatRange(min=0, min_open=True, max=100), help="Percent of equity.")
@click.option("--max-drift-bps", type=click.FloatRange(min=0))
@click.option("--yes", is_flag=True, help="Do not ask.")
@shared
def approve(call: Invocation, signal_id: str, risk: float | None, max_drift_bps: float | None, yes: bool) -> None:
    """Trade a waiting signal."""
    if not yes:
        if not call.may_ask:
            raise CommandFailed(Exit.CONFIRM, "approving needs --yes without a terminal", name="needs_confirmation")
        value = query(call, "preview", signal_id=signal_id)
        call.say(_ticket(value))
        if not click.confirm("Approve?", err=True):
            raise CommandFailed(Exit.ERROR, "not approved", name="declined")
    done = ask(call, ApproveSignal(**_who(), signal_id=signal_id, risk_pct=risk, max_drift_bps=max_drift_bps))
    call.data({"approved": signal_id, "text": done.text}, done.text)


@click.command()
@click.argument("signal_id")
@click.option("--reason", default="")
@shared
def reject(call: Invocation, signal_id: str, reason: str) -> None:
    """Turn a waiting signal down."""
    done = ask(call, RejectSignal(**_who(), signal_id=signal_id, reason=reason))
    call.data({"rejected": signal_id}, done.text)


@click.command()
@shared
def positions(call: Invocation) -> None:
    """Open positions as the exchange protects them."""
    rows = query(call, "positions")
    cells = [
        (row["symbol"], row["side"], row["quantity"], row["entry"], row["mark"] or "?", row["stop"] or "NONE",
         "yes" if row["protected"] else "NO", " ".join(t["state"] for t in row["tiers"]), _num(row["r_now"]),
         row["state"])
        for row in rows
    ]  # fmt: skip
    head = ("symbol", "side", "quantity", "entry", "mark", "stop", "protected", "tiers", "R", "state")
    call.data(rows, table(head, cells) if rows else "no open positions")


@click.command()
@shared
def orders(call: Invocation) -> None:
    """Working orders, plain and conditional."""
    rows = query(call, "orders")
    cells = [
        (row["symbol"], row["side"], row["type"], row["price"] or row["trigger_price"] or "", row["quantity"],
         row["leg"] or "", row["state"], row["client_id"])
        for row in rows
    ]  # fmt: skip
    head = ("symbol", "side", "type", "price", "quantity", "leg", "state", "client id")
    call.data(rows, table(head, cells) if rows else "no working orders")


@click.command()
@click.argument("position")
@click.option("--pct", type=click.FloatRange(min=0, min_open=True, max=100), default=100.0)
@shared
def close(call: Invocation, position: str, pct: float) -> None:
    """Close a position at market, whole or in part; by symbol or id."""
    done = ask(call, ClosePosition(**_who(), position_id=position, pct=pct))
    call.data({"closing": position, "pct": pct}, done.text)


@click.command()
@click.option("--confirm", metavar="ACCOUNT")
@shared
def flatten(call: Invocation, confirm: str | None) -> None:
    """No entries, and everything closed at market."""
    name = confirm_name(call, confirm, _account(call), "flatten closes every position")
    done = ask(call, Flatten(**_who(), confirm=name))
    call.data({"flattened": True, "text": done.text}, done.text)


@click.command()
@click.option("--confirm", metavar="ACCOUNT")
@shared
def kill(call: Invocation, confirm: str | None) -> None:
    """Everything stops but the orders that protect."""
    name = confirm_name(call, confirm, _account(call), "kill halts the desk")
    done = ask(call, Kill(**_who(), confirm=name))
    call.data({"halted": True}, done.text)


@click.command()
@click.option("--for", "for_s", type=Duration(), help="How long, on the exchange's time: 30m, 4h.")
@click.option("--reason", default="")
@shared
def pause(call: Invocation, for_s: float | None, reason: str) -> None:
    """No new entries."""
    done = ask(call, Pause(**_who(), for_s=for_s, reason=reason))
    call.data({"desk": "paused"}, done.text)


@click.command()
@click.option("--confirm", metavar="ACCOUNT", help="Needed to leave `halted`.")
@shared
def resume(call: Invocation, confirm: str | None) -> None:
    """Back to running."""
    done = ask(call, Resume(**_who(), confirm=confirm or ""))
    call.data({"desk": "running"}, done.text)


@click.command()
@click.argument("symbol")
@click.option("--side", type=click.Choice(["long", "short"]))
@click.option("--strategy")
@click.option("--for", "for_s", type=Duration())
@shared
def block(call: Invocation, symbol: str, side: str | None, strategy: str | None, for_s: float | None) -> None:
    """No new entries in a symbol."""
    done = ask(call, BlockSymbol(**_who(), symbol=symbol.upper(), side=side, strategy=strategy, for_s=for_s))
    call.data({"blocked": symbol.upper()}, done.text)


@click.command()
@click.argument("symbol")
@click.option("--side", type=click.Choice(["long", "short"]))
@click.option("--strategy")
@shared
def unblock(call: Invocation, symbol: str, side: str | None, strategy: str | None) -> None:
    """Lift a block."""
    done = ask(call, UnblockSymbol(**_who(), symbol=symbol.upper(), side=side, strategy=strategy))
    call.data({"unblocked": symbol.upper()}, done.text)


@click.command()
@click.argument("new_mode", metavar="MODE", type=click.Choice(["signals", "approve", "auto"]))
@click.option("--confirm", metavar="ACCOUNT", help="Needed for auto outside sim and paper.")
@shared
def mode(call: Invocation, new_mode: str, confirm: str | None) -> None:
    """Who decides: signals (nobody), approve (a person), auto (the desk)."""
    done = ask(call, SetMode(**_who(), mode=new_mode, confirm=confirm or ""))
    call.data({"mode": new_mode}, done.text)


@click.command()
@click.argument("symbol")
@click.argument("side", type=click.Choice(["long", "short"]))
@click.option("--stop", required=True, metavar="PRICE")
@click.option("--risk", type=click.FloatRange(min=0, min_open=True, max=100))
@click.option("--tp", "targets", multiple=True, metavar="PRICE")
@shared
def preview(call: Invocation, symbol: str, side: str, stop: str, risk: float | None, targets: tuple[str, ...]) -> None:
    """What-if ticket; sends nothing."""
    import json

    command = PreviewTicket(**_who(), symbol=symbol.upper(), side=side, stop=stop, risk_pct=risk, targets=targets)
    value = json.loads(ask(call, command).data)
    call.data(value, _ticket(value))


@click.command()
@click.option("--apply", "apply_", is_flag=True, help="Carry out the proposed actions.")
@shared
def reconcile(call: Invocation, apply_: bool) -> int:
    """We think / exchange says / proposed action; exit 8 while rows remain."""
    import json

    value = json.loads(ask(call, Reconcile(**_who(), apply=apply_)).data)
    cells = [(row["symbol"], row["local"], row["exchange"], row["action"]) for row in value["rows"]]
    text = (
        table(("symbol", "we think", "exchange says", "action"), cells)
        if cells
        else "reconciled: we and the exchange agree"
    )
    call.data(value, text)
    return int(Exit.OK if value["reconciled"] else Exit.NOT_RECONCILED)


@click.command()
@shared
def limits(call: Invocation) -> None:
    """Budgets of the exchange, by lane."""
    value = query(call, "limits")
    cells = [
        (p["name"], str(p["used"]), str(p["limit"]), " ".join(f"{k}={v}" for k, v in p["lanes"].items()))
        for p in value["pools"]
    ]
    call.data(value, table(("pool", "used", "limit", "lanes"), cells))


def _num(value: Any) -> str:
    return "absent" if value is None else f"{value:g}" if isinstance(value, float | int) else str(value)


def _ticket(value: dict[str, Any]) -> str:
    rows = [
        (name.replace("_", " "), _num(item) if not isinstance(item, list) else ", ".join(map(str, item)))
        for name, item in value.items()
    ]
    return table(("ticket", ""), rows)
