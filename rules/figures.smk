# Figures: each from the curves of its own arms alone; a target by its name, `snakemake <figure> --cores 2`.
rule draw_figure:
    input:
        curves=figure_inputs,
        code=code("report/draw_figure.py"),
    output:
        png=report(
            "<results>/figures/{figure}-{protocol}.png",
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}", "protocol": "{protocol}"},
        ),
        svg="<results>/figures/{figure}-{protocol}.svg",
        csv="<results>/figures/{figure}-{protocol}.csv",
    log:
        log_file("draw_figure/{figure}-{protocol}"),
    benchmark:
        benchmark_file("draw_figure/{figure}-{protocol}")
    localrule: True
    conda:
        CPU_ENV
    resources:
        **SMALL,
    params:
        figure=lambda wildcards: figures.figure_spec(
            config, wildcards.figure, wildcards.protocol
        ),
    message:
        "Drawing {wildcards.figure} ({wildcards.protocol})"
    script:
        "../workflow_scripts/report/draw_figure.py"


for figure in config["figures"]:

    rule:
        name:
            figure
        input:
            paths.pictures(config, figure),
