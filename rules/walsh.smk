# The Sup-Walsh pretrainings, measured and drawn: one set per data set and architecture that the run's families pretrain on.
rule measure_walsh:
    input:
        unpack(lambda wildcards: split_files(wildcards.dataset)),
        code=lambda wildcards: code(
            "runs/measure_walsh.py",
            architectures()[wildcards.architecture].module,
        ),
    output:
        losses=update("<results>/measured/walsh/{dataset}/{architecture}/losses.csv"),
        distances=update(
            "<results>/measured/walsh/{dataset}/{architecture}/distances.csv"
        ),
        codes=update("<results>/measured/walsh/{dataset}/{architecture}/codes.csv"),
    log:
        log_file("measure_walsh/{dataset}-{architecture}"),
    benchmark:
        benchmark_file("measure_walsh/{dataset}-{architecture}")
    conda:
        TRAINING_ENV
    threads: 1
    resources:
        **TRAINING,
    params:
        specs=lambda wildcards: drawings.walsh_specs(
            config, wildcards.dataset, wildcards.architecture
        ),
    message:
        "Measuring the Sup-Walsh pretrainings of {wildcards.architecture} on {wildcards.dataset}"
    script:
        "../workflow_scripts/runs/measure_walsh.py"


rule draw_walsh:
    input:
        losses="<results>/measured/walsh/{dataset}/{architecture}/losses.csv",
        distances="<results>/measured/walsh/{dataset}/{architecture}/distances.csv",
        codes="<results>/measured/walsh/{dataset}/{architecture}/codes.csv",
        code=code("report/draw_walsh.py"),
    output:
        losses_png=report(
            "<results>/figures/walsh/{dataset}/{architecture}/losses.png",
            caption="../report/walsh.rst",
            category="Sup-Walsh",
            labels={
                "figure": "pretraining loss",
                "data set": "{dataset}",
                "network": "{architecture}",
            },
        ),
        losses_svg="<results>/figures/walsh/{dataset}/{architecture}/losses.svg",
        losses_csv="<results>/figures/walsh/{dataset}/{architecture}/losses.csv",
        distances_png=report(
            "<results>/figures/walsh/{dataset}/{architecture}/distances.png",
            caption="../report/walsh.rst",
            category="Sup-Walsh",
            labels={
                "figure": "distances between classes",
                "data set": "{dataset}",
                "network": "{architecture}",
            },
        ),
        distances_svg="<results>/figures/walsh/{dataset}/{architecture}/distances.svg",
        distances_csv="<results>/figures/walsh/{dataset}/{architecture}/distances.csv",
        codes_png=report(
            "<results>/figures/walsh/{dataset}/{architecture}/codes.png",
            caption="../report/walsh.rst",
            category="Sup-Walsh",
            labels={
                "figure": "Walsh codes",
                "data set": "{dataset}",
                "network": "{architecture}",
            },
        ),
        codes_svg="<results>/figures/walsh/{dataset}/{architecture}/codes.svg",
        codes_csv="<results>/figures/walsh/{dataset}/{architecture}/codes.csv",
    log:
        log_file("draw_walsh/{dataset}-{architecture}"),
    benchmark:
        benchmark_file("draw_walsh/{dataset}-{architecture}")
    localrule: True
    conda:
        CPU_ENV
    resources:
        **SMALL,
    params:
        subtitle="{architecture} on {dataset}, replica 0",
        arms=lambda wildcards: list(
            drawings.walsh_specs(config, wildcards.dataset, wildcards.architecture)
        ),
        titles={
            "losses": "Loss of the Sup-Walsh pretraining",
            "distances": "Distances between classes, from pixels to gated codes",
            "codes": "Walsh codes of the classes",
        },
    message:
        "Drawing the Sup-Walsh pretrainings of {wildcards.architecture} on {wildcards.dataset}"
    script:
        "../workflow_scripts/report/draw_walsh.py"


rule walsh_drawings:
    input:
        drawings.walsh_pictures(config),


rule write_walsh:
    input:
        curves=curve_files(tables.table_cells(config, "walsh_layout")),
        code=code("report/write_walsh.py"),
    output:
        csv="<results>/tables/walsh_layout.csv",
        markdown="<results>/tables/walsh_layout.md",
        html=report(
            "<results>/tables/walsh_layout.html",
            caption="../report/walsh_layout.rst",
            category="Sup-Walsh",
            labels={"table": "published layout"},
        ),
    log:
        log_file("write_walsh"),
    benchmark:
        benchmark_file("write_walsh")
    localrule: True
    conda:
        CPU_ENV
    resources:
        **SMALL,
    params:
        families=tables.table_families(config, "walsh_layout"),
        members=comparisons.table_members(config, "walsh_layout"),
        published=published.published_trainings(config),
        settings=published.published_settings(config),
        chance=tasks.chance(config),
    message:
        "Writing Sup-Walsh's results in the published layout"
    script:
        "../workflow_scripts/report/write_walsh.py"
