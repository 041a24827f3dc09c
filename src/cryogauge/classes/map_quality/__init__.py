"""What the maps from selected particles are worth: agreement with a model, Q-scores, resolution by particle count."""
