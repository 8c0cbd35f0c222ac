"""The stages, one module each, and the pure parts they rest on."""

import atexit
import gc

# a run's process holds half a million objects, Prefect's and dbt's, that live until its end. To
# look them all through for garbage, nine times and once more at exit, took 3 seconds a night.
gc.set_threshold(50_000, 20, 100)
atexit.register(gc.freeze)
