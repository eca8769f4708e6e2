"""The door to TA-Lib."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
import numpy as np
import strategies.indicators
assert "pandas" not in sys.modules and "polars" not in sys.modules, "the engine must not load data frames"
import pandas, talib
prices = np.arange(50.0) ** 0.5
dressed = talib.EMA(pandas.Series(prices), 5)
assert isinstance(dressed, pandas.Series)
from strategies.ta import ta
np.testing.assert_array_equal(ta.EMA(prices, 5), dressed.to_numpy())
print("good")
"""


def test_measuring_loads_no_data_frames_and_leaves_the_library_whole_for_others() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "good", done.stderr
