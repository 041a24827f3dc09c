"""What keeps the project's own papers in order: measured figures and generated reference pages."""
