"""Rule draw_figure: curves of a figure's arms -> PNG, SVG, and the CSV that was drawn."""

from informed_init.jobs import logged
from informed_init.report.curves import read_curves
from informed_init.report.figures.curves import draw_curves

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        draw_curves(read_curves(job.input.curves), job.params.figure, job.output.png, job.output.svg, job.output.csv)
