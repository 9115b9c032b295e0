"""Rule draw_walsh: what some Sup-Walsh pretrainings saw -> pictures of their losses, distances and codes."""

from informed_init.jobs import logged
from informed_init.report.figures.style import Style, save
from informed_init.report.figures.walsh import COLUMNS, draw_codes, draw_distances, draw_losses
from informed_init.report.measured import read_measured

DRAWINGS = {"losses": draw_losses, "distances": draw_distances, "codes": draw_codes}

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        for name, draw in DRAWINGS.items():
            table = read_measured(job.input[name], COLUMNS[name])
            style = Style(job.params.titles[name], job.params.subtitle if name != "codes" else "")
            save(draw(table, style), table, *(job.output[f"{name}_{kind}"] for kind in ("png", "svg", "csv")))
