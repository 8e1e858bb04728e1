"""How long lamps took, for the status."""

from statistics import quantiles

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgehub.gateway.latency import Latencies, percentile


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=300), st.integers(1, 99))
def test_percentile(values: list[float], percent: int) -> None:
    """A percentile is that of the standard library."""
    expected = quantiles(values, n=100, method="inclusive")[percent - 1]
    assert percentile(values, percent) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_of_nothing() -> None:
    """Nothing has no percentile, and the summary says so."""
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)
    assert Latencies().summary_ms() == {"p50": None, "p99": None, "n": 0}


def test_summary() -> None:
    """Seconds in, milliseconds out; one latency is its own median."""
    latencies = Latencies()
    latencies.add(0.25)
    assert latencies.summary_ms() == {"p50": 250.0, "p99": 250.0, "n": 1}
