# The study's trainings: one job is one arm x a block of replicas, on all of the arm's tasks.
def arm_inputs(wildcards):
    files = split_files(flow.arm_setting(config, wildcards.arm, "dataset"))
    bank = flow.bank_spec(config, wildcards.arm)
    if bank is not None:
        replicas = flow.block_members(wildcards.block)
        files["banks"] = [f"<results>/banks/{flow.bank_name(bank)}/{replica}.safetensors" for replica in replicas]
    if flow.needs_source(config, wildcards.arm):
        files["sources"] = source_files(flow.arm_setting(config, wildcards.arm, "architecture"))
    files["code"] = code("train_arm.py", *flow.plugin_modules(config, wildcards.arm))
    return files


rule train_arm:
    message:
        "Training {wildcards.arm}, replicas {wildcards.block} ({wildcards.protocol}, {wildcards.recipe})"
    input:
        unpack(arm_inputs),
    output:
        curves="<results>/curves/{protocol}/{recipe}/{arm}/{block}.csv",
        record="<results>/records/{protocol}/{recipe}/{arm}/{block}.json",
    log:
        "<results>/logs/train_arm/{protocol}-{recipe}-{arm}-{block}.log",
    benchmark:
        "<results>/benchmarks/train_arm/{protocol}-{recipe}-{arm}-{block}.jsonl"
    params:
        spec=lambda wildcards: flow.arm_spec(config, **wildcards),
        partial=f"results/{config['run']}/partial/arms",
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=lambda wildcards, attempt: 6000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    conda:
        "../envs/cuda.yaml" if GPUS else "../envs/cpu.yaml"
    script:
        "../workflow_scripts/train_arm.py"
