# Figures: each from the curves of its own arms alone; a target by name, e.g. `snakemake figure3 --cores 2`.
def figure_inputs(wildcards):
    recipe = flow.figure_recipe(config, wildcards.figure)
    return curve_files(
        [(wildcards.protocol, recipe, arm) for arm in flow.figure_arms(config, wildcards.figure)]
    )


rule draw_figure:
    message:
        "Drawing {wildcards.figure} ({wildcards.protocol})"
    input:
        curves=figure_inputs,
        code=code("draw_figure.py"),
    output:
        png="<results>/figures/{figure}-{protocol}.png",
        svg="<results>/figures/{figure}-{protocol}.svg",
        csv="<results>/figures/{figure}-{protocol}.csv",
    log:
        "<results>/logs/draw_figure/{figure}-{protocol}.log",
    params:
        figure=lambda wildcards: flow.figure_spec(config, wildcards.figure, wildcards.protocol),
    resources:
        mem_mb=1000,
        runtime=10,
    localrule: True
    conda:
        "../envs/cpu.yaml"
    script:
        "../workflow_scripts/draw_figure.py"


for figure in config["figures"]:

    rule:
        name:
            figure
        input:
            figure_files(figure),
