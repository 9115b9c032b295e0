"""Rule draw_reproduction: the table of the published curves and ours -> every gap in one picture."""

import pandas as pd
from informed_init.jobs import logged
from informed_init.report.figures.gaps import draw_gaps, gap_rows
from informed_init.report.figures.style import Style, save

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        rows = gap_rows(pd.read_csv(job.input.table))
        style = Style(job.params.title, methods=job.params.methods)
        save(draw_gaps(rows, style), rows, job.output.png, job.output.svg, job.output.csv)
