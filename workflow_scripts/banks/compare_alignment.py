"""Rule compare_alignment: greedy against optimal matching, on trained sources and on the same ones before training."""

import pandas as pd
from informed_init import architectures
from informed_init.banks.alignment import MATCHINGS, align, permutation_groups
from informed_init.banks.sources import load
from informed_init.files import write_text
from informed_init.jobs import logged, say
from informed_init.report.curves import write_csv
from informed_init.report.tables import to_markdown
from informed_init.runs.sources import untrained_sources

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        architecture, tasks = job.params.architecture, job.params.source_tasks[: job.params.models]
        classes, shape = job.params.num_classes, tuple(job.params.input_size)
        groups = permutation_groups(architectures.build_for(architecture, classes, shape), shape)
        trained = load(job.input.sources)
        sets = {
            "trained": {task["name"]: trained[task["name"]] for task in tasks},
            "untrained": untrained_sources(architecture, tasks, classes, shape),
        }
        rows = []
        for name, sources in sets.items():
            for matching in MATCHINGS:
                for layer, cost in align(sources, groups, job.params.layers, matching, progress=say).costs.items():
                    change = 100 * (cost.after / cost.before - 1)
                    facts = {"layer": layer, "sources": name, "n": len(sources), "matching": matching}
                    rows.append(facts | {"before": cost.before, "after": cost.after, "change (%)": change})
        table = pd.DataFrame(rows).sort_values(["layer", "sources", "matching"], ignore_index=True)
        write_csv(table, job.output.csv)
        write_text(job.output.markdown, to_markdown(table.round({"before": 4, "after": 4, "change (%)": 1})))
