"""One served exchange for each program that visits it."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator

import pytest

from tests.support.peers import Peer
from tests.support.simulator import available, simulator


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    if not available():
        pytest.skip("there is no simulator in this checkout")
    # At speed 1 the exchange's clock is the machine's, so programs sign without knowing about it.
    with simulator("--symbols", "BTCUSDT,ETHUSDT,SOLUSDT", "--control") as ready:
        yield Peer(ready)


@pytest.fixture(scope="module", autouse=True)
def strangers_swept() -> Iterator[None]:
    """What these programs leave unclosed ends here, not as a warning in a test that has nothing to do with them."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
