"""Rule write_search: the rows of all rungs -> tables of the search and of compound scaling, and the picture of both."""

import pandas as pd
from informed_init.files import write_text
from informed_init.jobs import logged
from informed_init.report.curves import write_csv
from informed_init.report.figures.search import draw_search
from informed_init.report.figures.style import Style, save
from informed_init.report.search import scaling_table, search_parts, search_table
from informed_init.report.tables import document, page
from informed_init.search.rungs import Plan, read_rungs

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        spec = job.params.spec
        plan, rungs = Plan.from_spec(spec["search"]), read_rungs(job.input.rungs)
        table = search_table(rungs, plan, spec["chance"])
        scaling = scaling_table(table, rungs, plan)
        parts = search_parts(table, scaling)
        write_csv(pd.DataFrame([row for rung in rungs for row in rung]), job.output.trainings)
        write_csv(table, job.output.csv)
        write_csv(scaling, job.output.scaling)
        write_text(job.output.markdown, document(parts))
        write_text(job.output.html, page(job.params.title, parts))
        figure = draw_search(table, Style(job.params.title), ladder=scaling, budget=plan.budget)
        save(figure, table, job.output.png, job.output.svg, job.output.drawn)
