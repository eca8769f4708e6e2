"""All that may be set about the analysis, in one frozen struct."""

from __future__ import annotations

from strategies.action_price.params import ActionPriceParams
from strategies.atr_momentum import AtrMomentumParams
from strategies.break_retest import BreakRetestParams
from strategies.filters import FilterParams
from strategies.liquidity_sweep import LiquiditySweepParams
from strategies.measures import Measures
from strategies.order_flow import OrderFlowParams
from strategies.params import Params
from strategies.pullback import PullbackParams
from strategies.value_area import ValueAreaParams
from strategies.verdict import JudgeParams
from strategies.zones.provider import ZoneParams


class StrategySettings(Params, frozen=True):
    """One block for each strategy, then what they share."""

    action_price: ActionPriceParams = ActionPriceParams()
    liquidity_sweep: LiquiditySweepParams = LiquiditySweepParams()
    break_retest: BreakRetestParams = BreakRetestParams()
    order_flow: OrderFlowParams = OrderFlowParams()
    pullback: PullbackParams = PullbackParams()
    value_area: ValueAreaParams = ValueAreaParams()
    atr_momentum: AtrMomentumParams = AtrMomentumParams()
    judge: JudgeParams = JudgeParams()
    filters: FilterParams = FilterParams()
    measures: Measures = Measures()
    zones: ZoneParams = ZoneParams()
