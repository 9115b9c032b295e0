# The arena: every seat tries the same number of points in every workload, and is trained anew with the best of them. Without a
# section `arena` in the config nothing here has a target.
rule play:
    input:
        unpack(seat_files),
    output:
        curves=update(arena.CURVES),
        record=update(arena.RECORDS),
    log:
        log_file("play/{workload}/{seat}"),
    benchmark:
        benchmark_file("play/{workload}/{seat}")
    wildcard_constraints:
        workload=work.any_of(arena.workloads(config)),
        seat=work.any_of(arena.seats(config)),
    conda:
        TRAINING_ENV
    threads: 1
    resources:
        **TRAINING,
    params:
        spec=lambda wildcards: arena.seat_spec(config, **wildcards),
        partial=f"results/{config['run']}/partial/arena",
    message:
        "Playing {wildcards.seat} in {wildcards.workload}"
    script:
        "../workflow_scripts/runs/play_arena.py"


# The board and its pictures, from what the seats left.
rule write_arena:
    input:
        **arena_report.files_read(config),
        code=code("report/write_arena.py"),
    output:
        csv="<results>/tables/arena.csv",
        scores="<results>/tables/arena-workloads.csv",
        trials="<results>/tables/arena-trials.csv",
        markdown="<results>/tables/arena.md",
        html=report(
            "<results>/tables/arena.html",
            caption="../report/arena.rst",
            category="Arena",
        ),
    log:
        log_file("write_arena"),
    benchmark:
        benchmark_file("write_arena")
    localrule: True
    conda:
        CPU_ENV
    resources:
        **SMALL,
    params:
        **arena_report.told(config),
        folder=f"results/{config['run']}/arena",
    message:
        "Writing the board of the arena"
    script:
        "../workflow_scripts/report/write_arena.py"


rule draw_arena:
    input:
        board="<results>/tables/arena.csv",
        scores="<results>/tables/arena-workloads.csv",
        trials="<results>/tables/arena-trials.csv",
        code=code("report/draw_arena.py"),
    output:
        png=report(
            "<results>/figures/arena-{picture}.png",
            caption="../report/arena_picture.rst",
            category="Arena",
            labels={"picture": "{picture}"},
        ),
        svg="<results>/figures/arena-{picture}.svg",
        csv="<results>/figures/arena-{picture}.csv",
    log:
        log_file("draw_arena/{picture}"),
    benchmark:
        benchmark_file("draw_arena/{picture}")
    wildcard_constraints:
        picture=work.any_of(arena_report.pictures(config)),
    localrule: True
    conda:
        CPU_ENV
    resources:
        **SMALL,
    params:
        **arena_report.told(config),
        title=lambda wildcards: arena_report.pictures(config)[wildcards.picture],
    message:
        "Drawing the arena: {wildcards.picture}"
    script:
        "../workflow_scripts/report/draw_arena.py"


rule arena:
    input:
        arena.played(config, arena.CURVES),
        arena_report.report(config),
