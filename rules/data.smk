# Data sets: fetched (or found) under data_root, made by code, or a folder of pictures; then one file of uint8 images per split.
rule fetch:
    input:
        code=code("tasks/fetch.py"),
    output:
        update("{root}/data/{dataset}/fetched.txt"),
    log:
        log_file("fetch/{dataset}", "{root}"),
    benchmark:
        benchmark_file("fetch/{dataset}", "{root}")
    retries: 2
    localrule: True
    conda:
        CPU_ENV
    resources:
        **needs(mem_mb=1000, runtime=120),
    params:
        data_root=config["data_root"],
    message:
        "Finding or downloading {wildcards.dataset}"
    script:
        "../workflow_scripts/tasks/fetch.py"


rule make_procedural:
    input:
        code=code("tasks/make_procedural.py"),
    output:
        update("{root}/data/{dataset}/made.txt"),
    log:
        log_file("make_procedural/{dataset}", "{root}"),
    benchmark:
        benchmark_file("make_procedural/{dataset}", "{root}")
    conda:
        CPU_ENV
    resources:
        **needs(mem_mb=2000, runtime=10),
    params:
        data_root=raw_root,
        settings=work.ordered(config["procedural"]),
    message:
        "Drawing the {wildcards.dataset} images"
    script:
        "../workflow_scripts/tasks/make_procedural.py"


rule read_split:
    input:
        raw_marker,
        code=code("tasks/read_split.py"),
    output:
        images=update("{root}/data/{dataset}/{split}.safetensors"),
        checksum=update("{root}/data/{dataset}/{split}.safetensors.sha256"),
    log:
        log_file("read_split/{dataset}-{split}", "{root}"),
    benchmark:
        benchmark_file("read_split/{dataset}-{split}", "{root}")
    wildcard_constraints:
        dataset=f"(?!({PICTURES})/){paths.NAME}",
    conda:
        CPU_ENV
    resources:
        **needs(mem_mb=4000, runtime=20),
    params:
        data_root=raw_root,
    message:
        "Reading the {wildcards.split} split of {wildcards.dataset}"
    script:
        "../workflow_scripts/tasks/read_split.py"


rule read_pictures:
    input:
        code=code("tasks/read_pictures.py"),
    output:
        train=update("{root}/data/{dataset}/train.safetensors"),
        train_checksum=update("{root}/data/{dataset}/train.safetensors.sha256"),
        test=update("{root}/data/{dataset}/test.safetensors"),
        test_checksum=update("{root}/data/{dataset}/test.safetensors.sha256"),
    log:
        log_file("read_pictures/{dataset}", "{root}"),
    benchmark:
        benchmark_file("read_pictures/{dataset}", "{root}")
    wildcard_constraints:
        dataset=PICTURES,
    conda:
        CPU_ENV
    resources:
        **needs(mem_mb=4000, runtime=60),
    params:
        data_root=config["data_root"],
        section=lambda wildcards: work.ordered(
            datasets.owned(config)[wildcards.dataset]
        ),
        pictures=lambda wildcards: datasets.pictures_digest(config, wildcards.dataset),
    message:
        "Reading the pictures of {wildcards.dataset}"
    script:
        "../workflow_scripts/tasks/read_pictures.py"
