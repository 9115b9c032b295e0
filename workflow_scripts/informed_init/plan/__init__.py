"""From the config to jobs: families, arms, figures, checks, estimate, provenance. No torch: Snakemake parses with it."""
