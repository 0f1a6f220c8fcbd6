# SPDX-License-Identifier: GPL-2.0
"""How hard Hypothesis looks: ``HYPOTHESIS_PROFILE=ci`` for more than a developer waits for."""

import os

from hypothesis import HealthCheck, settings

_SLOW_IS_NO_FAULT = [HealthCheck.too_slow, HealthCheck.data_too_large]

# No deadline: how long an example takes says nothing on a machine that others use too.
settings.register_profile(
    "default",
    max_examples=100,
    deadline=None,
    derandomize=False,
    suppress_health_check=_SLOW_IS_NO_FAULT,
)
settings.register_profile("ci", settings.get_profile("default"), max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
