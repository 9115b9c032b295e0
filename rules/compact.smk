# The search for a ResNet under a parameter budget, and the models that are trained at its end. Without a section `search` in
# the config nothing here has a target.
from informed_init.plan import search as search_plan


rule search_rung:
    input:
        unpack(lambda wildcards: split_files(config["search"]["dataset"])),
        earlier=lambda wildcards: search_plan.rung_files(config, int(wildcards.rung)),
        code=code("runs/search_rung.py", architectures()["compact"].module),
    output:
        rows=update("<results>/search/rung{rung}/{block}.csv"),
        record=update("<results>/search/rung{rung}/{block}.json"),
    log:
        log_file("search_rung/{rung}-{block}"),
    benchmark:
        benchmark_file("search_rung/{rung}-{block}")
    wildcard_constraints:
        rung=r"\d+",
    conda:
        TRAINING_ENV
    threads: 1
    resources:
        **TRAINING,
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
        rungs=search_plan.rung_files(config),
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
        log_file("write_search"),
    benchmark:
        benchmark_file("write_search")
    localrule: True
    conda:
        CPU_ENV
    resources:
        **SMALL,
    params:
        title="Accuracy and size of the ResNets under the budget",
        spec=search_plan.table_spec(config),
    message:
        "Writing and drawing the search"
    script:
        "../workflow_scripts/report/write_search.py"


rule train_compact:
    input:
        unpack(lambda wildcards: split_files(config["search"]["dataset"])),
        rungs=lambda wildcards: search_plan.final_rungs(config, wildcards.model),
        code=lambda wildcards: code(
            "runs/train_compact.py",
            architectures()[
                search_plan.final_architecture(config, wildcards.model)
            ].module,
        ),
    output:
        curves=update("<results>/compact/{model}/{block}.csv"),
        confusion=update("<results>/compact/{model}/{block}-confusion.csv"),
        features=update("<results>/compact/{model}/{block}-features.csv"),
        record=update("<results>/compact/{model}/{block}.json"),
    log:
        log_file("train_compact/{model}-{block}"),
    benchmark:
        benchmark_file("train_compact/{model}-{block}")
    conda:
        TRAINING_ENV
    threads: 1
    resources:
        **needs(mem_mb=6000, runtime=480, gpu=GPUS),
    params:
        spec=lambda wildcards: search_plan.final_spec(
            config, wildcards.model, wildcards.block
        ),
        partial=f"results/{config['run']}/partial/compact",
    message:
        "Training the final model {wildcards.model}, replicas {wildcards.block}"
    script:
        "../workflow_scripts/runs/train_compact.py"


rule write_compact:
    input:
        **search_plan.final_files(config, search_plan.final_models(config)),
        code=code("report/write_compact.py"),
    output:
        csv="<results>/tables/compact.csv",
        markdown="<results>/tables/compact.md",
        html=report(
            "<results>/tables/compact.html",
            caption="../report/compact.rst",
            category="Search",
            labels={"figure": "final accuracy", "model": "all"},
        ),
    log:
        log_file("write_compact"),
    benchmark:
        benchmark_file("write_compact")
    localrule: True
    conda:
        CPU_ENV
    resources:
        **SMALL,
    params:
        spec=search_plan.pages_spec(config),
    message:
        "Writing the table of the final models"
    script:
        "../workflow_scripts/report/write_compact.py"


rule draw_model:
    input:
        unpack(lambda wildcards: search_plan.final_files(config, [wildcards.model])),
        table="<results>/tables/compact.csv",
        code=code("report/draw_model.py"),
    output:
        per_class_png=report(
            "<results>/figures/compact-{model}-per_class.png",
            caption="../report/compact.rst",
            category="Search",
            labels={"figure": "per class", "model": "{model}"},
        ),
        per_class_svg="<results>/figures/compact-{model}-per_class.svg",
        per_class_csv="<results>/figures/compact-{model}-per_class.csv",
        confusion_png=report(
            "<results>/figures/compact-{model}-confusion.png",
            caption="../report/compact.rst",
            category="Search",
            labels={"figure": "confusion", "model": "{model}"},
        ),
        confusion_svg="<results>/figures/compact-{model}-confusion.svg",
        confusion_csv="<results>/figures/compact-{model}-confusion.csv",
        features_png=report(
            "<results>/figures/compact-{model}-features.png",
            caption="../report/compact.rst",
            category="Search",
            labels={"figure": "features", "model": "{model}"},
        ),
        features_svg="<results>/figures/compact-{model}-features.svg",
        features_csv="<results>/figures/compact-{model}-features.csv",
    log:
        log_file("draw_model/{model}"),
    benchmark:
        benchmark_file("draw_model/{model}")
    wildcard_constraints:
        model=r"[\w-]+",
    localrule: True
    conda:
        CPU_ENV
    resources:
        **SMALL,
    params:
        spec=search_plan.pages_spec(config),
        titles={
            "per_class": "Test accuracy by class: {model}",
            "confusion": "Confusion on the test images: {model}",
            "features": "What the last layer sees: {model}",
        },
    message:
        "Drawing the final model {wildcards.model}"
    script:
        "../workflow_scripts/report/draw_model.py"


rule search:
    input:
        "<results>/tables/search.csv",


# every picture is asked for by name: a model that is added has none yet
rule compact:
    input:
        [f"<results>/{name}" for name in search_plan.results(config)],
