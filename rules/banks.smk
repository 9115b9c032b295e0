# Banks: what the filters of a replica's sources have in common; one job builds a bank for a block of replicas.
for block in banks.bank_blocks(config):

    rule:
        name:
            f"build_bank_{block}"
        input:
            unpack(partial(bank_inputs, block)),
        output:
            banks=update(paths.banks("{bank}", block)),
            checksums=update(paths.checksums(paths.banks("{bank}", block))),
        log:
            log_file(f"build_bank/{{bank}}-{block}"),
        benchmark:
            benchmark_file(f"build_bank/{{bank}}-{block}")
        wildcard_constraints:
            bank=f"(?!({ALIGNED})/){paths.NAME}",
        conda:
            CPU_ENV
        threads: 1
        resources:
            **needs(mem_mb=4000, runtime=60),
        params:
            **sources.source_images(config),
            spec=lambda wildcards: banks.banks(config)[wildcards.bank],
            replicas=work.block_members(block),
            source_tasks=sources.source_tasks(config),
        message:
            f"Building bank {{wildcards.bank}}, replicas {block}"
        script:
            "../workflow_scripts/banks/build_bank.py"

    rule:
        name:
            f"align_sources_{block}"
        input:
            unpack(partial(bank_inputs, block)),
        output:
            banks=update(paths.banks("{bank}", block)),
            checksums=update(paths.checksums(paths.banks("{bank}", block))),
        log:
            log_file(f"align_sources/{{bank}}-{block}"),
        benchmark:
            benchmark_file(f"align_sources/{{bank}}-{block}")
        wildcard_constraints:
            bank=ALIGNED,
        conda:
            CPU_ENV
        threads: 1
        resources:
            **needs(mem_mb=4000, runtime=60),
        params:
            **sources.source_images(config),
            spec=lambda wildcards: banks.banks(config)[wildcards.bank],
            replicas=work.block_members(block),
            source_tasks=sources.source_tasks(config),
        message:
            f"Aligning sources {{wildcards.bank}}, replicas {block}"
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
        csv=update("<results>/tables/alignment.csv"),
        markdown=update("<results>/tables/alignment.md"),
    log:
        log_file("compare_alignment"),
    benchmark:
        benchmark_file("compare_alignment")
    conda:
        CPU_ENV
    resources:
        **needs(mem_mb=3000, runtime=10),
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
