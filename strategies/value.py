"""Where volume was traded: point of control and value area of the last three days (section 2.11 of the rules).

Stateless: the profile of now and that of three bars ago are both built from the bars, so reading one never moves the
other.
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np

from strategies.model import F64, Candles
from strategies.params import AtLeastOne, Count, Params, Positive, Share


class ProfileParams(Params, frozen=True):
    """Window in bars, bin size as a share of price, limits of the bin count, share of volume in the value area."""

    window: AtLeastOne = 288
    bin_share: Positive = 0.001
    least_bins: AtLeastOne = 10
    most_bins: AtLeastOne = 200
    area_share: Share = 0.70
    ref_bars: Count = 3


DEFAULTS: Final = ProfileParams()


class Profile(msgspec.Struct, frozen=True):
    """Centre of the fullest bin and the outer edges of the value area, in price; `total` in base units."""

    poc: float
    vah: float
    val: float
    total: float


class Profiles(msgspec.Struct, frozen=True):
    """The profile that ends now and the one that ends before the bars under test; None where absent."""

    now: Profile | None
    ref: Profile | None

    @property
    def poc_shift(self) -> float | None:
        """Movement of the point of control as a share of the earlier value area."""
        if self.now is None or self.ref is None:
            return None
        return (self.now.poc - self.ref.poc) / (self.ref.vah - self.ref.val)


def profiles(candles: Candles, tick: float, params: ProfileParams = DEFAULTS) -> Profiles:
    """Both profiles of the newest bars."""
    end = len(candles)
    return Profiles(profile(candles, end, tick, params), profile(candles, end - params.ref_bars, tick, params))


def profile(candles: Candles, end: int, tick: float, params: ProfileParams = DEFAULTS) -> Profile | None:
    """Profile of the window of bars before index `end`; None with fewer bars, or when nothing traded in them."""
    if end < params.window or end > len(candles):
        return None
    bars = candles.slice(end - params.window, end)
    total = float(bars.volume.sum())
    if total <= 0:
        return None
    close = float(bars.close[-1])
    edges = _edges(bars, max(tick, params.bin_share * close), params)
    volumes = _spread(bars, edges)
    centres = (edges[:-1] + edges[1:]) / 2
    poc = point_of_control(volumes, centres, close)
    low, high = value_area(volumes, poc, params.area_share)
    return Profile(float(centres[poc]), float(edges[high + 1]), float(edges[low]), total)


def point_of_control(volumes: F64, centres: F64, close: float) -> int:
    """Index of the fullest bin; among equals the nearest to the close, then the lower one."""
    fullest = np.flatnonzero(volumes == volumes.max())
    return int(fullest[np.argmin(np.abs(centres[fullest] - close))])


def value_area(volumes: F64, poc: int, share: float) -> tuple[int, int]:
    """First and last bin of the value area around `poc`.

    Grows by the larger of the next bins above and below that hold anything, the upper one among equals, taking empty
    bins between along, until `share` of all volume is inside.
    """
    need = share * float(volumes.sum())
    below = [int(i) for i in np.flatnonzero(volumes[:poc] > 0)]  # nearest last
    above = [int(i) for i in np.flatnonzero(volumes[poc + 1 :] > 0)[::-1] + poc + 1]
    low = high = poc
    inside = float(volumes[poc])
    while inside < need and (below or above):
        if above and (not below or volumes[above[-1]] >= volumes[below[-1]]):
            high = above.pop()
            inside += float(volumes[high])
        else:
            low = below.pop()
            inside += float(volumes[low])
    return low, high


def _edges(bars: Candles, size: float, params: ProfileParams) -> F64:
    """Equal bins over the traded range, as near to `size` as the limits of their count allow."""
    low, high = float(bars.low.min()), float(bars.high.max())
    if high <= low:
        half = (params.least_bins // 2 + 0.5) * size  # one price: an odd number of bins puts it in the middle of one
        return np.linspace(low - half, low + half, 2 * (params.least_bins // 2) + 2)
    count = int(np.clip(np.ceil((high - low) / size), params.least_bins, params.most_bins))
    return np.linspace(low, high, count + 1)


def _spread(bars: Candles, edges: F64) -> F64:
    """Volume per bin: that of a bar evenly over its range, that of a bar without range in its bin."""
    low, high, volume = bars.low, bars.high, bars.volume
    span = high - low
    wide = span > 0
    reach = np.minimum(high[wide, None], edges[None, 1:]) - np.maximum(low[wide, None], edges[None, :-1])
    shares = np.maximum(reach, 0.0) / span[wide, None]
    volumes: F64 = volume[wide] @ shares
    at = np.clip(np.searchsorted(edges, low[~wide], side="right") - 1, 0, len(volumes) - 1)
    np.add.at(volumes, at, volume[~wide])
    return volumes
