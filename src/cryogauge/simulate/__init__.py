"""Ground truth: specimens, tilt series, and the oracle that knows how much of a specimen a tomogram shows."""
