# The study's trainings: one job is one arm x a block of replicas, on all of the arm's tasks.
rule train_arm:
    input:
        unpack(arm_inputs),
    output:
        curves=[update(paths.CURVES)],
        records=[update(paths.RECORDS)],
    log:
        log_file("train_arm/{protocol}-{recipe}-{arm}-{block}"),
    benchmark:
        benchmark_file("train_arm/{protocol}-{recipe}-{arm}-{block}")
    wildcard_constraints:
        protocol=f"(?!({SHARED})/)[^/]+",
        arm=f"(?!({TEACHERS})/){paths.NAME}",
    conda:
        TRAINING_ENV
    threads: 1
    resources:
        **TRAINING,
    params:
        arms=lambda wildcards: [trainings.arm_of_job(config, **wildcards)],
        partial=f"results/{config['run']}/partial/arms",
    message:
        "Training {wildcards.arm}, replicas {wildcards.block} ({wildcards.protocol}, {wildcards.recipe})"
    script:
        "../workflow_scripts/runs/train_arm.py"


# An arm that others grow from keeps its networks.
use rule train_arm as train_teacher with:
    output:
        curves=[update(paths.CURVES)],
        records=[update(paths.RECORDS)],
        networks=[update(paths.TEACHERS)],
        checksums=[update(path) for path in paths.checksums([paths.TEACHERS])],
    wildcard_constraints:
        arm=TEACHERS,


# Arms that share a job: a rule for each, as Snakemake finds the maker of a file with a plain name at once.
for name, job in sharing.shared_jobs(config).items():

    rule:
        name:
            f"train_{name}"
        input:
            unpack(partial(job_inputs, job)),
        output:
            curves=update(paths.of_job(paths.CURVES, job)),
            records=update(paths.of_job(paths.RECORDS, job)),
        log:
            log_file(f"train_arm/{name}"),
        benchmark:
            benchmark_file(f"train_arm/{name}")
        conda:
            TRAINING_ENV
        threads: 1
        resources:
            **needs(mem_mb=6000, runtime=480, gpu=GPUS),
        params:
            arms=partial(job_arms, job),
            partial=f"results/{config['run']}/partial/arms",
        message:
            f"Training {len(job.arms)} arms of {job.family} on {job.dataset} ({job.architecture}), replicas {job.block} ({job.protocol}, {job.recipe})"
        script:
            "../workflow_scripts/runs/train_arm.py"
