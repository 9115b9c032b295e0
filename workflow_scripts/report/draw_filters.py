"""Rules draw_alignment and draw_bank: measured filters -> their picture (Figures 1 and 10)."""

from informed_init.jobs import logged
from informed_init.report.figures.filters import FILTER_COLUMNS, draw_filters
from informed_init.report.figures.style import Style, save
from informed_init.report.measured import read_measured

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        table = read_measured(job.input.measured, FILTER_COLUMNS)
        subtitle = ""
        if "method" in table:
            method, models = table.loc[0, ["method", "models"]]
            subtitle = f"{method}, {models} source model{'' if models == 1 else 's'}"
        table = table[FILTER_COLUMNS]
        figure = draw_filters(table, Style(job.params.title, subtitle))
        save(figure, table, job.output.png, job.output.svg, job.output.csv)
