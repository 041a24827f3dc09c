"""Pages that people work in, served from this machine. Jinja templates and a little JavaScript; no science."""
