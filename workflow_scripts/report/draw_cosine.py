"""Rule draw_cosine: measured cosines -> the picture of how far training moved each layer."""

from informed_init.jobs import logged
from informed_init.report.figures.cosine import COLUMNS, draw_cosines
from informed_init.report.figures.style import Style, save
from informed_init.report.measured import read_measured

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        table = read_measured(job.input.measured, COLUMNS)
        save(draw_cosines(table, Style(job.params.title)), table, job.output.png, job.output.svg, job.output.csv)
