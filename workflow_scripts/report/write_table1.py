"""Rule table1: curves of the Tiny ImageNet arms -> the paper's Table 1 with intervals and the published means."""

from informed_init.files import write_text
from informed_init.jobs import logged
from informed_init.report.curves import read_curves, write_csv
from informed_init.report.tables import display_table1, page, table1, to_latex, to_markdown, with_facts

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        table = table1(read_curves(job.input.curves), job.params.arms, job.params.published, chance=job.params.chance)
        words = display_table1(table)
        write_csv(with_facts(table, job.params.facts), job.output.csv)
        write_text(job.output.markdown, to_markdown(words))
        write_text(job.output.latex, to_latex(words))
        if job.output.get("html"):  # Snakemake's report shows pages, but neither Markdown nor CSV
            write_text(job.output.html, page("Table 1: Tiny ImageNet", [words]))
