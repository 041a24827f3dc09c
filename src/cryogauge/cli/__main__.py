"""``python -m cryogauge.cli``."""

from cryogauge.cli.app import main

if __name__ == "__main__":
    main()
