"""Rule draw_best_rates: the arms at their own best learning rates -> their differences from the baseline."""

import pandas as pd
from informed_init.jobs import logged
from informed_init.report.figures.forest import best_rate_rows, draw_differences
from informed_init.report.figures.style import WIDTH, Style, save

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        rows, reference = best_rate_rows(pd.read_csv(job.input.best_rates), job.params.get("labels"))
        style = Style(job.params.title, width=WIDTH, methods=job.params.methods)
        figure = draw_differences(rows, style, reference=reference)
        save(figure, rows, job.output.png, job.output.svg, job.output.csv)
