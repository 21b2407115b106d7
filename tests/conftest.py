"""What all tests share: a hypothesis profile without chance or clock, and the suite's answer to missing kernels."""

import pytest
from hypothesis import settings

settings.register_profile("xent", derandomize=True, deadline=None, database=None, max_examples=100)
settings.load_profile("xent")


def pytest_configure(config: pytest.Config) -> None:
    # An install without a compiler is a supported one: its one warning is no failure of every first test.
    config.addinivalue_line("filterwarnings", "ignore::xent.kernels.SlowKernelsWarning")
