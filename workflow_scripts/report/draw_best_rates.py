"""Rule draw_best_rates: the arms at their own best learning rates -> their differences from the baseline."""

import pandas as pd
from informed_init.jobs import logged
from informed_init.report.figures.drawings import draw_best_rates

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        paths = job.output.png, job.output.svg, job.output.csv
        rates = pd.read_csv(job.input.best_rates)
        draw_best_rates(rates, job.params.title, *paths, labels=job.params.get("labels"))
