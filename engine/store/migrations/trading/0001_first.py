"""The first version of the trading database."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from engine.store.columns import BigKey, DecimalText, JsonText

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "blocks",
        sa.Column("block_id", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("strategy", sa.String(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("block_id", name=op.f("pk_blocks")),
    )
    op.create_table(
        "cooldowns",
        sa.Column("strategy_id", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("strategy_id", "symbol", "side", name=op.f("pk_cooldowns")),
    )
    op.create_table(
        "epochs",
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("started_ms", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("epoch", name=op.f("pk_epochs")),
    )
    op.create_table(
        "fills",
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("trade_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("price", DecimalText(), nullable=False),
        sa.Column("quantity", DecimalText(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("signal_id", sa.String(), nullable=False),
        sa.Column("position_id", sa.String(), nullable=False),
        sa.Column("fee", DecimalText(), nullable=False),
        sa.Column("fee_asset", sa.String(), nullable=False),
        sa.Column("realized", DecimalText(), nullable=False),
        sa.Column("maker", sa.Boolean(), nullable=False),
        sa.Column("execution", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("symbol", "trade_id", name=op.f("pk_fills")),
    )
    op.create_index(op.f("ix_fills_at_ms"), "fills", ["at_ms"], unique=False)
    op.create_index(op.f("ix_fills_signal_id"), "fills", ["signal_id"], unique=False)
    op.create_table(
        "incidents",
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("payload", JsonText(), nullable=False),
        sa.Column("id", BigKey, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
    )
    op.create_index(op.f("ix_incidents_at_ms"), "incidents", ["at_ms"], unique=False)
    op.create_index(op.f("ix_incidents_kind_at_ms"), "incidents", ["kind", "at_ms"], unique=False)
    op.create_table(
        "intents",
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("signal_id", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("leg", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("payload", JsonText(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_intents")),
    )
    op.create_index(op.f("ix_intents_signal_id"), "intents", ["signal_id"], unique=False)
    op.create_index(op.f("ix_intents_state"), "intents", ["state"], unique=False)
    op.create_table(
        "kv_state",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", JsonText(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_kv_state")),
    )
    op.create_table(
        "market_state",
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("tf", sa.String(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("regime", sa.String(), nullable=False),
        sa.Column("direction", sa.BigInteger(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("adx", sa.Double(), nullable=True),
        sa.Column("atr", sa.Double(), nullable=True),
        sa.Column("atr_pct", sa.Double(), nullable=True),
        sa.Column("bb_width", sa.Double(), nullable=True),
        sa.Column("bb_rank", sa.Double(), nullable=True),
        sa.Column("ema20", sa.Double(), nullable=True),
        sa.Column("ema50", sa.Double(), nullable=True),
        sa.Column("ema200", sa.Double(), nullable=True),
        sa.Column("late_trend", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("symbol", "tf", "at_ms", name=op.f("pk_market_state")),
    )
    op.create_table(
        "metrics",
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("strategy_id", sa.String(), nullable=False),
        sa.Column("meta", JsonText(), nullable=False),
        sa.Column("id", BigKey, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metrics")),
    )
    op.create_index(op.f("ix_metrics_kind_symbol_at_ms"), "metrics", ["kind", "symbol", "at_ms"], unique=False)
    op.create_table(
        "notices",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("signal_id", sa.String(), nullable=False),
        sa.Column("payload", JsonText(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_notices")),
    )
    op.create_index(op.f("ix_notices_signal_id"), "notices", ["signal_id"], unique=False)
    op.create_table(
        "operator_log",
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("payload", JsonText(), nullable=False),
        sa.Column("prev_hash", sa.String(), nullable=False),
        sa.Column("id", BigKey, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operator_log")),
    )
    op.create_index(op.f("ix_operator_log_at_ms"), "operator_log", ["at_ms"], unique=False)
    op.create_index(op.f("ix_operator_log_kind_at_ms"), "operator_log", ["kind", "at_ms"], unique=False)
    op.create_table(
        "orders",
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("quantity", DecimalText(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("conditional", sa.Boolean(), nullable=False),
        sa.Column("signal_id", sa.String(), nullable=False),
        sa.Column("position_id", sa.String(), nullable=False),
        sa.Column("leg", sa.String(), nullable=False),
        sa.Column("price", DecimalText(), nullable=True),
        sa.Column("trigger_price", DecimalText(), nullable=True),
        sa.Column("filled", DecimalText(), nullable=False),
        sa.Column("average", DecimalText(), nullable=True),
        sa.Column("reduce_only", sa.Boolean(), nullable=False),
        sa.Column("close_position", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_orders")),
    )
    op.create_index(op.f("ix_orders_signal_id"), "orders", ["signal_id"], unique=False)
    op.create_index(op.f("ix_orders_state"), "orders", ["state"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("dedupe_key", sa.String(), nullable=False),
        sa.Column("chat", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("priority", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("next_ms", sa.BigInteger(), nullable=False),
        sa.Column("sent_ms", sa.BigInteger(), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("id", BigKey, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_outbox_dedupe_key")),
    )
    op.create_index(op.f("ix_outbox_sent_ms_next_ms"), "outbox", ["sent_ms", "next_ms"], unique=False)
    op.create_table(
        "positions",
        sa.Column("position_id", sa.String(), nullable=False),
        sa.Column("signal_id", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("quantity", DecimalText(), nullable=False),
        sa.Column("entry", DecimalText(), nullable=True),
        sa.Column("stop", DecimalText(), nullable=True),
        sa.Column("payload", JsonText(), nullable=False),
        sa.Column("opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.Column("closed_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("position_id", name=op.f("pk_positions")),
    )
    op.create_index(op.f("ix_positions_signal_id"), "positions", ["signal_id"], unique=False)
    op.create_index(op.f("ix_positions_state"), "positions", ["state"], unique=False)
    op.create_table(
        "processed_bars",
        sa.Column("consumer", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("tf", sa.String(), nullable=False),
        sa.Column("open_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "symbol", "tf", name=op.f("pk_processed_bars")),
    )
    op.create_table(
        "signal_events",
        sa.Column("signal_id", sa.String(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("price", DecimalText(), nullable=True),
        sa.Column("share", sa.Double(), nullable=True),
        sa.Column("payload", JsonText(), nullable=False),
        sa.Column("id", BigKey, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signal_events")),
    )
    op.create_index(op.f("ix_signal_events_signal_id_at_ms"), "signal_events", ["signal_id", "at_ms"], unique=False)
    op.create_table(
        "signals",
        sa.Column("signal_id", sa.String(), nullable=False),
        sa.Column("strategy_id", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("tf", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("bar_ms", sa.BigInteger(), nullable=False),
        sa.Column("decided_ms", sa.BigInteger(), nullable=False),
        sa.Column("variant", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("entry", DecimalText(), nullable=True),
        sa.Column("sl", DecimalText(), nullable=True),
        sa.Column("sl_source", sa.String(), nullable=False),
        sa.Column("tp1", DecimalText(), nullable=True),
        sa.Column("tp2", DecimalText(), nullable=True),
        sa.Column("ref_close", sa.Double(), nullable=True),
        sa.Column("quantity", DecimalText(), nullable=True),
        sa.Column("r0", DecimalText(), nullable=True),
        sa.Column("atr_entry", sa.Double(), nullable=True),
        sa.Column("base_score", sa.Double(), nullable=True),
        sa.Column("final_score", sa.Double(), nullable=True),
        sa.Column("regime", sa.String(), nullable=False),
        sa.Column("bias", sa.String(), nullable=False),
        sa.Column("zone_arm", sa.String(), nullable=False),
        sa.Column("confluence_count", sa.BigInteger(), nullable=False),
        sa.Column("group_id", sa.String(), nullable=False),
        sa.Column("venue", sa.String(), nullable=False),
        sa.Column("ap_mode", sa.String(), nullable=True),
        sa.Column("taken", sa.Boolean(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("opened_ms", sa.BigInteger(), nullable=True),
        sa.Column("trail_peak", sa.Double(), nullable=True),
        sa.Column("mfe_r", sa.Double(), nullable=False),
        sa.Column("mae_r", sa.Double(), nullable=False),
        sa.Column("bars_to_mfe", sa.BigInteger(), nullable=True),
        sa.Column("bars_to_mae", sa.BigInteger(), nullable=True),
        sa.Column("bars_to_tp1", sa.BigInteger(), nullable=True),
        sa.Column("bars_to_exit", sa.BigInteger(), nullable=True),
        sa.Column("result_gross_r", sa.Double(), nullable=True),
        sa.Column("result_net_r", sa.Double(), nullable=True),
        sa.Column("result_usdt", DecimalText(), nullable=True),
        sa.Column("fees_usdt", DecimalText(), nullable=True),
        sa.Column("funding_usdt", DecimalText(), nullable=True),
        sa.Column("exit_price", DecimalText(), nullable=True),
        sa.Column("exit_reason", sa.String(), nullable=False),
        sa.Column("closed_ms", sa.BigInteger(), nullable=True),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.Column("evidence", JsonText(), nullable=False),
        sa.Column("config_hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("signal_id", name=op.f("pk_signals")),
    )
    op.create_index(op.f("ix_signals_decided_ms"), "signals", ["decided_ms"], unique=False)
    op.create_index(op.f("ix_signals_regime_confluence_count"), "signals", ["regime", "confluence_count"], unique=False)
    op.create_index(op.f("ix_signals_status_symbol"), "signals", ["status", "symbol"], unique=False)
    op.create_index(op.f("ix_signals_strategy_id_closed_ms"), "signals", ["strategy_id", "closed_ms"], unique=False)
    op.create_index(
        "uq_signals_open",
        "signals",
        ["strategy_id", "symbol"],
        unique=True,
        sqlite_where=sa.text("status = 'open'"),
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_table(
        "symbols",
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("listed_ms", sa.BigInteger(), nullable=False),
        sa.Column("volume_24h", sa.Double(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("filters", JsonText(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("symbol", name=op.f("pk_symbols")),
    )
    op.create_table(
        "zone_events",
        sa.Column("zone_id", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("bar_ms", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("payload", JsonText(), nullable=False),
        sa.Column("id", BigKey, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_zone_events")),
    )
    op.create_index(op.f("ix_zone_events_symbol_bar_ms"), "zone_events", ["symbol", "bar_ms"], unique=False)
    op.create_index(op.f("ix_zone_events_zone_id_kind"), "zone_events", ["zone_id", "kind"], unique=False)
    op.create_table(
        "zones",
        sa.Column("zone_id", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("tf", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("low", sa.Double(), nullable=False),
        sa.Column("high", sa.Double(), nullable=False),
        sa.Column("strength", sa.Double(), nullable=False),
        sa.Column("grade", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("lifecycle", sa.String(), nullable=False),
        sa.Column("touches", sa.BigInteger(), nullable=False),
        sa.Column("valid_touches", sa.BigInteger(), nullable=False),
        sa.Column("reaction", sa.Double(), nullable=True),
        sa.Column("last_touch_ms", sa.BigInteger(), nullable=True),
        sa.Column("flipped_ms", sa.BigInteger(), nullable=True),
        sa.Column("born_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("zone_id", name=op.f("pk_zones")),
    )
    op.create_index(op.f("ix_zones_symbol_tf_lifecycle"), "zones", ["symbol", "tf", "lifecycle"], unique=False)
    op.create_table(
        "action_price",
        sa.Column("signal_id", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("score_total", sa.Double(), nullable=False),
        sa.Column("initiator_size", sa.Double(), nullable=True),
        sa.Column("confirm_depth", sa.Double(), nullable=True),
        sa.Column("close_position", sa.Double(), nullable=True),
        sa.Column("slope200", sa.Double(), nullable=True),
        sa.Column("ema_fan", sa.Double(), nullable=True),
        sa.Column("gap_to_atr", sa.Double(), nullable=True),
        sa.Column("ema200_stickiness", sa.Double(), nullable=True),
        sa.Column("confirm_color", sa.Double(), nullable=True),
        sa.Column("break_and_base", sa.Double(), nullable=True),
        sa.Column("retest_tag", sa.Double(), nullable=True),
        sa.Column("initiator_wick", sa.Double(), nullable=True),
        sa.Column("raw", JsonText(), nullable=False),
        sa.ForeignKeyConstraint(["signal_id"], ["signals.signal_id"], name=op.f("fk_action_price_signal_id_signals")),
        sa.PrimaryKeyConstraint("signal_id", name=op.f("pk_action_price")),
    )
    op.create_index(op.f("ix_action_price_mode_score_total"), "action_price", ["mode", "score_total"], unique=False)
