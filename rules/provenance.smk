# What made a run, whether its published files are whole, and how long a run will take. Nothing here is part of `all`.
rule write_manifest:
    input:
        records=paths.records(config, families.cells(config)),
        code=code("plan/write_manifest.py"),
    output:
        "<results>/manifest.json",
    log:
        "<results>/logs/manifest.log",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        config=work.ordered(config),
    message:
        "Writing what made the run"
    script:
        "../workflow_scripts/plan/write_manifest.py"


rule manifest:
    input:
        "<results>/manifest.json",


# The two rules below make no result, so that they run whenever they are asked for; what they say goes to the terminal too.
rule check_results:
    log:
        "<results>/logs/check_results.log",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        folder=f"results/{config['run']}",
    message:
        "Comparing published results with their checksums"
    script:
        "../workflow_scripts/plan/check_results.py"


rule estimate:
    log:
        "<results>/logs/estimate.log",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        config=work.ordered(config),
        records=sorted(map(str, Path("results").glob("*/records/**/*.json"))),
        given=lambda wildcards: {
            name: resource.value
            for name, resource in workflow.global_resources.items()
        },
    message:
        "Estimating how long the run will take"
    script:
        "../workflow_scripts/plan/estimate.py"
