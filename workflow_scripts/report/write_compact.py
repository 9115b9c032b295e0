"""Rule write_compact: the final models -> the table of their accuracies."""

from pathlib import Path

import pandas as pd
from informed_init.files import write_text
from informed_init.jobs import logged
from informed_init.report.curves import write_csv
from informed_init.report.search import compact_table, display_compact, read_model
from informed_init.report.tables import page, to_markdown

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        models = {model["name"]: model for model in job.params.spec["models"]}
        found = {}
        for model in models:
            kinds = ("curves", "confusion", "features", "records")
            found[model] = read_model({k: [f for f in job.input[k] if Path(f).parent.name == model] for k in kinds})
        sizes = {model: parts["sizes"] for model, parts in found.items()}
        curves = pd.concat([parts["curves"] for parts in found.values()], ignore_index=True)
        table = compact_table(curves, sizes, models, job.params.spec["chance"])
        write_csv(table, job.output.csv)
        write_text(job.output.markdown, to_markdown(display_compact(table)))
        write_text(job.output.html, page("Final models under the budget", [display_compact(table)]))
