"""Dose: tomograms of any part of a tilt series' exposure, what they score, and how much dose is enough."""
