"""``python -m cryogauge``."""

from cryogauge.cli import main

if __name__ == "__main__":
    main()
