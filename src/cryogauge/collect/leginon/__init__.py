"""The learning server that Leginon asks which square to visit next: images in, squares and holes with scores out."""
