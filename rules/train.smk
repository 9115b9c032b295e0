# The study's trainings: one job is one arm x a block of replicas, on all of the arm's tasks.
rule train_arm:
    input:
        unpack(arm_inputs),
    output:
        curves="<results>/curves/{protocol}/{recipe}/{arm}/{block}.csv",
        record="<results>/records/{protocol}/{recipe}/{arm}/{block}.json",
    log:
        "<results>/logs/train_arm/{protocol}-{recipe}-{arm}-{block}.log",
    benchmark:
        "<results>/benchmarks/train_arm/{protocol}-{recipe}-{arm}-{block}.jsonl"
    wildcard_constraints:
        arm=rf"(?!(?:{TEACHERS})/){paths.NAME}" if TEACHERS else paths.NAME,
    conda:
        "../envs/cuda.yaml" if GPUS else "../envs/cpu.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=lambda wildcards, attempt: 6000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        spec=lambda wildcards: trainings.arm_spec(config, **wildcards),
        partial=f"results/{config['run']}/partial/arms",
    message:
        "Training {wildcards.arm}, replicas {wildcards.block} ({wildcards.protocol}, {wildcards.recipe})"
    script:
        "../workflow_scripts/runs/train_arm.py"


# An arm that others grow from keeps its networks.
use rule train_arm as train_teacher with:
    output:
        curves="<results>/curves/{protocol}/{recipe}/{arm}/{block}.csv",
        record="<results>/records/{protocol}/{recipe}/{arm}/{block}.json",
        networks="<results>/teachers/{protocol}/{recipe}/{arm}/{block}.safetensors",
        checksum="<results>/teachers/{protocol}/{recipe}/{arm}/{block}.safetensors.sha256",
    wildcard_constraints:
        arm=TEACHERS or "(?!)",
