"""Rule draw_live_taps: measured taps -> a map of those that images of some size can train."""

from informed_init.jobs import logged
from informed_init.report.figures.filters import TAP_COLUMNS, draw_live_taps
from informed_init.report.figures.style import Style, save
from informed_init.report.measured import read_measured

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        table = read_measured(job.input.measured, TAP_COLUMNS)
        save(draw_live_taps(table, Style(job.params.title)), table, job.output.png, job.output.svg, job.output.csv)
