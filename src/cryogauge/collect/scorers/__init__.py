"""Scorers of squares and holes that learn from what a person selected, and those of plug-ins."""
