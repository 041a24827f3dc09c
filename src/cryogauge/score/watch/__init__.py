"""Judging what lands in a folder, as it lands."""
