"""One training loop with checkpoints, and weights that travel with a model card."""
