"""Rule draw_figure: curves of a figure's arms -> PNG, SVG, and the CSV that was drawn."""

from informed_init.jobs import logged
from informed_init.report.curves import read_curves
from informed_init.report.figures.curves import curve_table, draw_curves
from informed_init.report.figures.style import save

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        table = curve_table(read_curves(job.input.curves), job.params.figure)
        save(draw_curves(table, job.params.figure), table, job.output.png, job.output.svg, job.output.csv)
