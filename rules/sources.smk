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
            log_file(f"train_sources/{{architecture}}-{block}"),
        benchmark:
            benchmark_file(f"train_sources/{{architecture}}-{block}")
        conda:
            TRAINING_ENV
        threads: 1
        resources:
            **TRAINING,
        params:
            spec=partial(source_spec, block),
            partial=f"results/{config['run']}/partial/sources",
        message:
            f"Training sources {block} ({{wildcards.architecture}})"
        script:
            "../workflow_scripts/runs/train_sources.py"
