# Tables over everything that the run's families trained.
rule final_table:
    message:
        "Writing the table of final accuracies"
    input:
        curves=curve_files(flow.cells(config)),
        code=code("write_final_table.py"),
    output:
        csv="<results>/tables/final.csv",
        markdown="<results>/tables/final.md",
        curves="<results>/tables/curves.csv",
    log:
        "<results>/logs/final_table.log",
    params:
        published=flow.ordered(config["published"]),
        chance=flow.chance(config),
    resources:
        mem_mb=1000,
        runtime=10,
    localrule: True
    conda:
        "../envs/cpu.yaml"
    script:
        "../workflow_scripts/write_final_table.py"


rule audit:
    message:
        "Auditing the paper's claims"
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
    params:
        recipe=flow.DEFAULT_RECIPE,
        protocols=config["protocols"],
        chance=flow.chance(config),
    resources:
        mem_mb=1000,
        runtime=10,
    localrule: True
    conda:
        "../envs/cpu.yaml"
    script:
        "../workflow_scripts/write_audit.py"
