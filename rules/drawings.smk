# Drawings of networks rather than curves: Figures 1 and 10 of the paper, live taps, how far training moves weights.
rule draw_alignment:
    input:
        **source_files(drawings.alignment_architecture(config)),
        code=code(
            "report/draw_alignment.py",
            architectures()[drawings.alignment_architecture(config)].module,
        ),
    output:
        png=report(
            "<results>/figures/figure1.png",
            caption="../report/drawing.rst",
            category="Figures",
            labels={"figure": "figure1"},
        ),
        svg="<results>/figures/figure1.svg",
        csv="<results>/figures/figure1.csv",
    log:
        "<results>/logs/draw_alignment.log",
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=3000,
        runtime=10,
    params:
        **sources.source_images(config),
        title="First-layer filters of two sources, before and after alignment",
        caption="The first-layer filters (red channel) of two sources: the first as trained, the second as trained, "
        "and the second with its filters matched one to one to the first's (Hungarian assignment).",
        architecture=drawings.alignment_architecture(config),
        matching="hungarian",
        filters=9,
    message:
        "Drawing Figure 1: two sources before and after alignment"
    script:
        "../workflow_scripts/report/draw_alignment.py"


rule draw_bank:
    input:
        bank=drawn_bank,
        code=code("report/draw_bank.py"),
    output:
        png=report(
            "<results>/figures/figure10.png",
            caption="../report/drawing.rst",
            category="Figures",
            labels={"figure": "figure10"},
        ),
        svg="<results>/figures/figure10.svg",
        csv="<results>/figures/figure10.csv",
    log:
        "<results>/logs/draw_bank.log",
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        title="Cluster centers of six source models, k = 3",
        layers=[
            "conv1",
            "layer1.0.conv1",
            "layer2.0.conv1",
            "layer3.0.conv1",
            "layer4.0.conv1",
        ],
    message:
        "Drawing Figure 10: the filters of a bank"
    script:
        "../workflow_scripts/report/draw_bank.py"


rule draw_live_taps:
    input:
        code=code(
            "report/draw_live_taps.py",
            architectures()[config["architecture"]].module,
        ),
    output:
        png=report(
            "<results>/figures/live_taps.png",
            caption="../report/drawing.rst",
            category="Figures",
            labels={"figure": "live taps"},
        ),
        svg="<results>/figures/live_taps.svg",
        csv="<results>/figures/live_taps.csv",
    log:
        "<results>/logs/draw_live_taps.log",
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        title="Kernel taps that a 32x32 image can train",
        architecture=config["architecture"],
        input_size=sources.source_images(config)["input_size"],
    message:
        "Drawing which weights a 32x32 image can train"
    script:
        "../workflow_scripts/report/draw_live_taps.py"


rule draw_cosine:
    input:
        **source_files(config["architecture"]),
        code=code(
            "report/draw_cosine.py",
            architectures()[config["architecture"]].module,
        ),
    output:
        png=report(
            "<results>/figures/cosine.png",
            caption="../report/drawing.rst",
            category="Figures",
            labels={"figure": "cosine"},
        ),
        svg="<results>/figures/cosine.svg",
        csv="<results>/figures/cosine.csv",
    log:
        "<results>/logs/draw_cosine.log",
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=3000,
        runtime=10,
    params:
        **sources.source_images(config),
        title="Cosine between initial and trained weights",
        architecture=config["architecture"],
        source_tasks=sources.source_tasks(config),
    message:
        "Drawing how far training moved each layer"
    script:
        "../workflow_scripts/report/draw_cosine.py"


rule draw_best_rates:
    input:
        best_rates="<results>/tables/best_rates.csv",
        code=code("report/draw_best_rates.py"),
    output:
        png=report(
            "<results>/figures/best_rates.png",
            caption="../report/drawing.rst",
            category="Figures",
            labels={"figure": "best rates"},
        ),
        svg="<results>/figures/best_rates.svg",
        csv="<results>/figures/best_rates.csv",
    log:
        "<results>/logs/draw_best_rates.log",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        title="Every arm at its own best learning rate",
    message:
        "Drawing the arms at their own best learning rates"
    script:
        "../workflow_scripts/report/draw_best_rates.py"


rule figure1:
    input:
        "<results>/figures/figure1.png",


rule figure10:
    input:
        "<results>/figures/figure10.png",


rule live_taps:
    input:
        "<results>/figures/live_taps.png",


rule cosine:
    input:
        "<results>/figures/cosine.png",
