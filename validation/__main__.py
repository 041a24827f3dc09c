"""Run the measurements of this folder: ``python -m validation [measurement or figure] [--small]``."""

from tools.measure import main

main("validation", "check_", "validate")
