"""What networks a search looks at: shapes in closed form, rungs, scaling. No torch."""
