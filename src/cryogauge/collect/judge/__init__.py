"""Exposures judged as they come: motion, contrast transfer, ice, contamination, carbon, particles, and the whole."""
