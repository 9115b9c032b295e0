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
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 20 * attempt,
    params:
        spec=lambda wildcards: flow.banks(config)[wildcards.bank],
        replica=lambda wildcards: int(wildcards.replica),
        source_tasks=flow.source_tasks(config),
        num_classes=10,
        input_size=[3, 32, 32],
    message:
        "Building bank {wildcards.bank}, replica {wildcards.replica}"
    script:
        "../workflow_scripts/build_bank.py"
