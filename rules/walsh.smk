# Drawings of the Sup-Walsh pretrainings: one set per data set and architecture that the run's families pretrain on.
def walsh_cells(dataset, architecture):
    """The (protocol, recipe, arm) that pretrain this architecture on this data set."""
    return [
        cell
        for cell in drawings.walsh_arms(config)
        if arms.arm_setting(config, cell[2], "dataset") == dataset
        and arms.arm_setting(config, cell[2], "architecture") == architecture
    ]


def walsh_specs(wildcards):
    """Label -> everything that decides the pretraining of replica 0, of the arms that are drawn together."""
    prefix = f"{wildcards.dataset}-{wildcards.architecture}-"
    return {
        cell[2].removeprefix(prefix): trainings.arm_spec(config, *cell, "000-000")
        for cell in walsh_cells(wildcards.dataset, wildcards.architecture)
    }


def walsh_inputs(wildcards):
    """The data, and the code that pretrains and draws."""
    if not walsh_cells(wildcards.dataset, wildcards.architecture):
        raise WorkflowError(
            f"no arm of initializer sup-walsh trains {wildcards.architecture} on {wildcards.dataset}"
        )
    network = architectures()[wildcards.architecture].module
    return split_files(wildcards.dataset) | {
        "code": code("report/draw_walsh.py", network)
    }


def walsh_files():
    """The pictures of all data sets and architectures that arms pretrain on."""
    places = {
        tuple(arms.arm_setting(config, arm, key) for key in ("dataset", "architecture"))
        for _, _, arm in drawings.walsh_arms(config)
    }
    return [
        f"<results>/figures/walsh/{dataset}/{architecture}/{name}.png"
        for dataset, architecture in sorted(places)
        for name in ("losses", "distances", "codes")
    ]


rule draw_walsh:
    input:
        unpack(walsh_inputs),
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
        "<results>/logs/draw_walsh/{dataset}-{architecture}.log",
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 6000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        specs=walsh_specs,
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
        walsh_files(),


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
        "<results>/logs/write_walsh.log",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        family=tables.table_family(config, "walsh_layout"),
        members=comparisons.table_members(config, "walsh_layout"),
        published=published.published_trainings(config),
        settings=published.published_settings(config),
        chance=tasks.chance(config),
    message:
        "Writing Sup-Walsh's results in the published layout"
    script:
        "../workflow_scripts/report/write_walsh.py"
