"""Run the measurements of this folder: ``python -m benchmarks [measurement or figure] [--small]``."""

from tools.measure import main

main("benchmarks", "bench_", "bench")
