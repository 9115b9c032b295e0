# Source networks: one a pair of clustering superclasses, each in a file of its own; one job trains a block of them.
for block in sources.source_blocks(config):

    rule:
        name:
            f"train_sources_{block}"
        input:
            unpack(source_job_inputs),
        output:
            networks=update(paths.source_block(config, block)),
            checksums=update(paths.checksums(paths.source_block(config, block))),
            curves=update(paths.source_block(config, block, ".csv")),
        log:
            f"<results>/logs/train_sources/{{architecture}}-{block}.log",
        benchmark:
            f"<results>/benchmarks/train_sources/{{architecture}}-{block}.jsonl"
        conda:
            "../envs/cuda.yaml" if GPUS else "../envs/cpu.yaml"
        threads: 1
        resources:
            gpu=GPUS,
            mem_mb=lambda wildcards, attempt: 6000 * attempt,
            runtime=lambda wildcards, attempt: 240 * attempt,
        params:
            spec=partial(source_spec, block),
            partial=f"results/{config['run']}/partial/sources",
        message:
            f"Training sources {block} ({{wildcards.architecture}})"
        script:
            "../workflow_scripts/runs/train_sources.py"
