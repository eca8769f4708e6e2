"""Profiles of the property tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# How long an example takes depends on who else is using the machine: no promise of ours, and no reason to fail.
settings.register_profile("desk", deadline=None)
settings.load_profile("desk")

# For `make mutation`: the same examples in each of a thousand runs, and nothing but a broken promise ends one. The runs
# share a process, so a test has several executors, and a mutant that is merely slow has not been noticed.
settings.register_profile(
    "mutation", derandomize=True, database=None, max_examples=40, deadline=None, suppress_health_check=list(HealthCheck)
)
