"""Drivers of microscopes, and what every command passes through: limits, time-outs, cancelling, the journal."""
