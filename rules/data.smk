# Data sets: fetched (or found) under data_root, or made by code; then one file of uint8 images per split.
def raw_root(wildcards):
    made = flow.is_procedural(wildcards.dataset)
    return f"results/{config['run']}/data/raw" if made else config["data_root"]


def raw_marker(wildcards):
    made = "made" if flow.is_procedural(wildcards.dataset) else "fetched"
    return f"<results>/data/{wildcards.dataset}/{made}.txt"


rule fetch:
    message:
        "Finding or downloading {wildcards.dataset}"
    input:
        code=code("fetch.py"),
    output:
        "<results>/data/{dataset}/fetched.txt",
    log:
        "<results>/logs/fetch/{dataset}.log",
    params:
        data_root=config["data_root"],
    retries: 2
    resources:
        mem_mb=1000,
        runtime=120,
    localrule: True
    conda:
        "../envs/cpu.yaml"
    script:
        "../workflow_scripts/fetch.py"


rule make_procedural:
    message:
        "Drawing the {wildcards.dataset} images"
    input:
        code=code("make_procedural.py"),
    output:
        "<results>/data/{dataset}/made.txt",
    log:
        "<results>/logs/make_procedural/{dataset}.log",
    params:
        data_root=f"results/{config['run']}/data/raw",
        settings=flow.ordered(config["procedural"]),
    resources:
        mem_mb=2000,
        runtime=10,
    conda:
        "../envs/cpu.yaml"
    script:
        "../workflow_scripts/make_procedural.py"


rule read_split:
    message:
        "Reading the {wildcards.split} split of {wildcards.dataset}"
    input:
        raw_marker,
        code=code("read_split.py"),
    output:
        "<results>/data/{dataset}/{split}.safetensors",
    log:
        "<results>/logs/read_split/{dataset}-{split}.log",
    params:
        data_root=raw_root,
    resources:
        mem_mb=4000,
        runtime=20,
    conda:
        "../envs/cpu.yaml"
    script:
        "../workflow_scripts/read_split.py"
