"""One Typer app; a file per command group; parses, calls a room, prints. No science."""

from cryogauge.cli.app import main

__all__ = ["main"]
