"""Rule write_reproduction: curves under protocol published -> every published number beside ours, and the verdicts."""

from informed_init.files import write_text
from informed_init.jobs import logged
from informed_init.report.curves import read_curves, write_csv
from informed_init.report.reproduction import last_spread, reproduction, reproduction_parts
from informed_init.report.tables import document, page

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        curves, params = read_curves(job.input.curves), job.params
        table = reproduction(curves, params.published, recipes=params.recipes, chance=params.chance)
        parts = reproduction_parts(table, last_spread(curves, table, params.recipes, params.chance))
        write_csv(table, job.output.csv)
        write_text(job.output.markdown, document(parts))
        write_text(job.output.html, page("The published curves and ours", parts))
