"""Rule compare_family: a family's curves and records -> every arm at its best recipe, its costs, and their pictures."""

from informed_init.files import write_text
from informed_init.jobs import logged
from informed_init.report import comparison
from informed_init.report.curves import read_curves, write_csv
from informed_init.report.figures.comparison import draw_compared, draw_costs
from informed_init.report.tables import document, page, with_facts

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        spec, chance, out = job.params.spec, job.params.chance, job.output
        curves = read_curves(job.input.curves)
        costs = comparison.total_costs(comparison.read_costs(job.input.records))
        table = comparison.compare(curves, costs, spec, chance=chance)
        write_csv(with_facts(table, {member["arm"]: member["facts"] for member in spec["members"]}), out.table_csv)
        parts = comparison.parts(table)
        write_text(out.markdown, document(parts))
        write_text(out.html, page(spec["title"], parts))
        lines = comparison.cost_curves(curves, costs, table, spec["shown"], chance=chance)
        draw_costs(lines, spec["title"], out.costs_png, out.costs_svg, out.costs_csv)
        draw_compared(table, f"{spec['title']}: differences", out.png, out.svg, out.csv)
