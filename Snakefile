# Trains networks from many initializations on the same tasks with the same random draws, and draws every figure from that.
#   snakemake --cores N --resources gpu=1            everything in config.yaml
#   snakemake <figure> --cores N --resources gpu=1   one figure and what it needs
from snakemake.utils import min_version

min_version("9.14")


configfile: "config.yaml"


report: "report/workflow.rst"


include: "rules/common.smk"


pathvars:
    results=f"results/{config['run']}",


include: "rules/data.smk"
include: "rules/sources.smk"
include: "rules/banks.smk"
include: "rules/train.smk"
include: "rules/figures.smk"
include: "rules/drawings.smk"
include: "rules/tables.smk"
include: "rules/comparisons.smk"
include: "rules/walsh.smk"
include: "rules/compact.smk"
include: "rules/provenance.smk"


rule all:
    default_target: True
    input:
        paths.pictures(config),
        [f"<results>/figures/{name}.png" for name in drawings.drawn(config)],
        [
            f"<results>/tables/{name}.csv"
            for name in comparisons.compared_families(config)
        ],
        drawings.walsh_pictures(config),
        [f"<results>/{name}" for name in search_plan.results(config)],
        "<results>/tables/walsh_layout.csv"
        if tables.is_made(config, "walsh_layout")
        else [],
        "<results>/tables/final.csv",
        "<results>/tables/audit.csv",
        "<results>/figures/reproduction.png"
        if published.reproduced_cells(config)
        else [],
        "<results>/tables/alignment.csv" if "cosine" in drawings.drawn(config) else [],
        "<results>/tables/table1.csv" if tables.is_made(config, "table1") else [],
