# Source networks: one a pair of clustering superclasses, trained in blocks.
rule train_sources:
    input:
        unpack(lambda wildcards: split_files(config["dataset"])),
        code=lambda wildcards: code(
            "runs/train_sources.py",
            architectures()[wildcards.architecture].module,
        ),
    output:
        networks=update("<results>/sources/{architecture}/{block}.safetensors"),
        checksum=update("<results>/sources/{architecture}/{block}.safetensors.sha256"),
        curves=update("<results>/sources/{architecture}/{block}.csv"),
    log:
        "<results>/logs/train_sources/{architecture}-{block}.log",
    benchmark:
        "<results>/benchmarks/train_sources/{architecture}-{block}.jsonl"
    conda:
        "../envs/cuda.yaml" if GPUS else "../envs/cpu.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=lambda wildcards, attempt: 6000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        spec=lambda wildcards: sources.source_spec(
            config, wildcards.architecture, wildcards.block
        ),
        partial=f"results/{config['run']}/partial/sources",
    message:
        "Training sources {wildcards.block} ({wildcards.architecture})"
    script:
        "../workflow_scripts/runs/train_sources.py"
