"""Microscope sessions: drivers, targets, judgement of exposures as they come."""
