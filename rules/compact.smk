# The search for a ResNet under a parameter budget, and the models that are trained at its end. Without a section `search` in
# the config nothing here has a target.
from informed_init.plan import search as search_plan

SEARCHED = search_plan.searched(config)
RUNGS = range(search_plan.last_rung(config) + 1) if SEARCHED else range(0)
FINALS = search_plan.final_models(config)


def rung_files(rungs):
    """The tables of all blocks of some rungs."""
    return [
        f"<results>/search/rung{rung}/{block}.csv"
        for rung in rungs
        for block in search_plan.rung_blocks(config, rung)
    ]


def rung_inputs(wildcards):
    """What a block of a rung is trained from: data, and the tables that say which shapes reached the rung."""
    network = architectures()["compact"].module
    files = split_files(config["search"]["dataset"])
    files |= {"earlier": rung_files(range(int(wildcards.rung)))}
    return files | {"code": code("runs/search_rung.py", network)}


def final_inputs(wildcards):
    """What a final model is trained from: data, and the search's tables where it is the one that the search chose."""
    name = search_plan.final_architecture(config, wildcards.model)
    files = split_files(config["search"]["dataset"])
    files |= {
        "rungs": (
            rung_files(RUNGS)
            if search_plan.needs_search(config, wildcards.model)
            else []
        )
    }
    return files | {"code": code("runs/train_compact.py", architectures()[name].module)}


def final_files(suffix):
    """One kind of result of all final models, all replicas."""
    return [
        f"<results>/compact/{model}/{block}{suffix}"
        for model in FINALS
        for block in search_plan.final_blocks(config)
    ]


def drawn_models(part):
    """The pictures of one kind, one a final model, for the report."""
    look = {"caption": "../report/compact.rst", "category": "Search"}
    kind = part.replace("_", " ")
    files = beside_models(part, "png")
    names = [{"labels": {"figure": kind, "model": model}} for model in FINALS]
    return [report(file, **look, **name) for file, name in zip(files, names)]


def beside_models(part, kind):
    """The files beside those pictures."""
    return [f"<results>/figures/compact-{model}-{part}.{kind}" for model in FINALS]


rule search_rung:
    input:
        unpack(rung_inputs),
    output:
        rows="<results>/search/rung{rung}/{block}.csv",
        record="<results>/search/rung{rung}/{block}.json",
    log:
        "<results>/logs/search_rung/{rung}-{block}.log",
    benchmark:
        "<results>/benchmarks/search_rung/{rung}-{block}.jsonl"
    wildcard_constraints:
        rung=r"\d+",
    conda:
        "../envs/cuda.yaml" if GPUS else "../envs/cpu.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=lambda wildcards, attempt: 6000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        spec=lambda wildcards: search_plan.rung_spec(
            config, int(wildcards.rung), wildcards.block
        ),
        partial=f"results/{config['run']}/partial/search",
    message:
        "Searching: rung {wildcards.rung}, shapes {wildcards.block}"
    script:
        "../workflow_scripts/runs/search_rung.py"


rule write_search:
    input:
        rungs=rung_files(RUNGS),
        code=code("report/write_search.py"),
    output:
        trainings="<results>/tables/search_trainings.csv",
        csv="<results>/tables/search.csv",
        scaling="<results>/tables/search_scaling.csv",
        markdown="<results>/tables/search.md",
        html=report(
            "<results>/tables/search.html",
            caption="../report/search.rst",
            category="Search",
            labels={"figure": "all shapes", "model": "search"},
        ),
        png=report(
            "<results>/figures/search.png",
            caption="../report/search.rst",
            category="Search",
            labels={"figure": "accuracy and size", "model": "search"},
        ),
        svg="<results>/figures/search.svg",
        drawn="<results>/figures/search.csv",
    log:
        "<results>/logs/write_search.log",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        title="Accuracy and size of the ResNets under the budget",
        spec=search_plan.table_spec(config) if SEARCHED else {},
    message:
        "Writing and drawing the search"
    script:
        "../workflow_scripts/report/write_search.py"


rule train_compact:
    input:
        unpack(final_inputs),
    output:
        curves="<results>/compact/{model}/{block}.csv",
        confusion="<results>/compact/{model}/{block}-confusion.csv",
        features="<results>/compact/{model}/{block}-features.csv",
        record="<results>/compact/{model}/{block}.json",
    log:
        "<results>/logs/train_compact/{model}-{block}.log",
    benchmark:
        "<results>/benchmarks/train_compact/{model}-{block}.jsonl"
    conda:
        "../envs/cuda.yaml" if GPUS else "../envs/cpu.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=lambda wildcards, attempt: 6000 * attempt,
        runtime=lambda wildcards, attempt: 480 * attempt,
    params:
        spec=lambda wildcards: search_plan.final_spec(
            config, wildcards.model, wildcards.block
        ),
        partial=f"results/{config['run']}/partial/compact",
    message:
        "Training the final model {wildcards.model}, replicas {wildcards.block}"
    script:
        "../workflow_scripts/runs/train_compact.py"


rule draw_compact:
    input:
        curves=final_files(".csv"),
        confusion=final_files("-confusion.csv"),
        features=final_files("-features.csv"),
        records=final_files(".json"),
        code=code("report/draw_compact.py"),
    output:
        csv="<results>/tables/compact.csv",
        markdown="<results>/tables/compact.md",
        html=report(
            "<results>/tables/compact.html",
            caption="../report/compact.rst",
            category="Search",
            labels={"figure": "final accuracy", "model": "all"},
        ),
        per_class_png=drawn_models("per_class"),
        per_class_svg=beside_models("per_class", "svg"),
        per_class_csv=beside_models("per_class", "csv"),
        confusion_png=drawn_models("confusion"),
        confusion_svg=beside_models("confusion", "svg"),
        confusion_csv=beside_models("confusion", "csv"),
        features_png=drawn_models("features"),
        features_svg=beside_models("features", "svg"),
        features_csv=beside_models("features", "csv"),
    log:
        "<results>/logs/draw_compact.log",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        spec=search_plan.pages_spec(config) if SEARCHED else {},
        titles={
            "per_class": "Test accuracy by class: {model}",
            "confusion": "Confusion on the test images: {model}",
            "features": "What the last layer sees: {model}",
        },
    message:
        "Drawing the final models"
    script:
        "../workflow_scripts/report/draw_compact.py"


rule search:
    input:
        "<results>/tables/search.csv",


# every picture is asked for by name: a model that is added has none yet
rule compact:
    input:
        [f"<results>/{name}" for name in search_plan.results(config)],
