# Banks: what the filters of a replica's sources have in common; one job builds a bank for a block of replicas, or several.
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
            bank=f"(?!({BANKS_TOGETHER})/){paths.NAME}",
        conda:
            CPU_ENV
        threads: 1
        resources:
            **needs(mem_mb=4000, runtime=60),
        params:
            banks=lambda wildcards: bank_specs([wildcards.bank]),
            sources=sources.sources_told(config),
        message:
            f"Building bank {{wildcards.bank}}, replicas {block}"
        script:
            "../workflow_scripts/banks/build_bank.py"

    for number, names in enumerate(banks.shared_banks(config)):

        rule:
            name:
                f"build_banks_{number}_{block}"
            input:
                **large(inputs.banks_inputs(config, names, block)),
            output:
                banks=update(paths.banks_of(names, block)),
                checksums=update(paths.checksums(paths.banks_of(names, block))),
            log:
                log_file(f"build_bank/{number}-{block}"),
            benchmark:
                benchmark_file(f"build_bank/{number}-{block}")
            conda:
                CPU_ENV
            threads: 1
            resources:
                **needs(mem_mb=4000, runtime=240),
            params:
                banks=bank_specs(names),
                sources=sources.sources_told(config),
            message:
                f"Building {len(names)} banks, {names[0]} and others, replicas {block}"
            script:
                "../workflow_scripts/banks/build_bank.py"


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
