"""How fast and how small the program is.

``python -m benchmarks`` runs every ``bench_*`` module here and records its figures.
"""
