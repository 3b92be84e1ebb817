"""Property tests with the same outcome on every machine: no time limits, the same examples in each run.

``HYPOTHESIS_PROFILE=fuzz`` (``make fuzz``) draws new examples each time, and many more of them.
"""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "repeatable", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], max_examples=100
)
settings.register_profile(
    "fuzz", settings.get_profile("repeatable"), derandomize=False, max_examples=100 * int(os.environ.get("FUZZ", "30"))
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))
