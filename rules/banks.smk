# Banks: what the filters of a replica's sources have in common.
rule build_bank:
    input:
        unpack(bank_inputs),
    output:
        "<results>/banks/{bank}/{replica}.safetensors",
    log:
        "<results>/logs/build_bank/{bank}-{replica}.log",
    benchmark:
        "<results>/benchmarks/build_bank/{bank}-{replica}.jsonl"
    wildcard_constraints:
        bank=rf"(?![^/]*-aligned-){paths.NAME}",
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 20 * attempt,
    params:
        **sources.source_images(config),
        spec=lambda wildcards: banks.banks(config)[wildcards.bank],
        replica=lambda wildcards: int(wildcards.replica),
        source_tasks=sources.source_tasks(config),
    message:
        "Building bank {wildcards.bank}, replica {wildcards.replica}"
    script:
        "../workflow_scripts/banks/build_bank.py"


rule align_sources:
    input:
        unpack(bank_inputs),
    output:
        "<results>/banks/{bank}/{replica}.safetensors",
    log:
        "<results>/logs/align_sources/{bank}-{replica}.log",
    benchmark:
        "<results>/benchmarks/align_sources/{bank}-{replica}.jsonl"
    wildcard_constraints:
        bank=rf"(?=[^/]*-aligned-){paths.NAME}",
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 20 * attempt,
    params:
        **sources.source_images(config),
        spec=lambda wildcards: banks.banks(config)[wildcards.bank],
        replica=lambda wildcards: int(wildcards.replica),
        source_tasks=sources.source_tasks(config),
    message:
        "Aligning sources {wildcards.bank}, replica {wildcards.replica}"
    script:
        "../workflow_scripts/banks/align_sources.py"


rule compare_alignment:
    input:
        **source_files(drawings.alignment_architecture(config)),
        code=code(
            "banks/compare_alignment.py",
            architectures()[drawings.alignment_architecture(config)].module,
        ),
    output:
        csv="<results>/tables/alignment.csv",
        markdown="<results>/tables/alignment.md",
    log:
        "<results>/logs/compare_alignment.log",
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=3000,
        runtime=10,
    params:
        **sources.source_images(config),
        architecture=drawings.alignment_architecture(config),
        source_tasks=sources.source_tasks(config),
        models=6,
        layers=5,
    message:
        "Comparing greedy and optimal matching of sources"
    script:
        "../workflow_scripts/banks/compare_alignment.py"


rule alignment:
    input:
        "<results>/tables/alignment.csv",
