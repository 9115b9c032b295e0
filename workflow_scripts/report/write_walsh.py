"""Rule write_walsh: curves of the published Sup-Walsh recipe -> the published tables' layout, theirs and ours side by side."""

from informed_init.files import write_text
from informed_init.jobs import logged
from informed_init.report.curves import read_curves, write_csv
from informed_init.report.tables import document, page
from informed_init.report.walsh import NOTES, display_published, published_layout

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        curves = read_curves(job.input.curves)
        given = (job.params.members, job.params.published, job.params.settings)
        table = published_layout(curves, *given, chance=job.params.chance)
        write_csv(table, job.output.csv)
        families = " and ".join(f"`{family}`" for family in job.params.families)
        parts = [display_published(table), *(note.format(families=families) for note in NOTES)]
        write_text(job.output.markdown, document(parts))
        write_text(job.output.html, page("Sup-Walsh in the layout of its published tables", parts))
