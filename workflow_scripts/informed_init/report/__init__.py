"""From curves and records to statistics, tables, claims and figures. No torch."""
