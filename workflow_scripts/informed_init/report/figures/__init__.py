"""A drawing is a function (table, style) -> figure; one writer saves picture and table."""
