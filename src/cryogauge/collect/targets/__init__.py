"""Where to look next: squares in atlases, holes in squares, and which of them."""
