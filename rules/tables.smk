# Tables over everything that the run's families trained.
rule final_table:
    input:
        curves=curve_files(flow.cells(config)),
        code=code("write_final_table.py"),
    output:
        csv="<results>/tables/final.csv",
        markdown="<results>/tables/final.md",
        curves="<results>/tables/curves.csv",
    log:
        "<results>/logs/final_table.log",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        published=flow.ordered(config["published"]),
        chance=flow.chance(config),
    message:
        "Writing the table of final accuracies"
    script:
        "../workflow_scripts/write_final_table.py"


rule audit:
    input:
        curves=curve_files(flow.cells(config)),
        code=code("write_audit.py"),
    output:
        audit_csv="<results>/tables/audit.csv",
        audit_markdown="<results>/tables/audit.md",
        attribution_csv="<results>/tables/attribution.csv",
        attribution_markdown="<results>/tables/attribution.md",
    log:
        "<results>/logs/audit.log",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        recipe=flow.DEFAULT_RECIPE,
        protocols=config["protocols"],
        chance=flow.chance(config),
    message:
        "Auditing the paper's claims"
    script:
        "../workflow_scripts/write_audit.py"
