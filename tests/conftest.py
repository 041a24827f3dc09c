"""Settings for all tests."""

from hypothesis import settings

# No deadlines: the machine is shared, and time is measured by benchmarks, not asserted by tests.
settings.register_profile("cryogauge", deadline=None, max_examples=50, print_blob=True)
settings.load_profile("cryogauge")
