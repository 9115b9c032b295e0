"""Which axes of a network belong together: tracing, axes, operations; growth and alignment stand on it."""
