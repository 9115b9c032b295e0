"""Rule build_bank: the filters of a replica's sources -> a bank."""

from informed_init import architectures
from informed_init.banks import bankable_layers, build, choose_sources
from informed_init.jobs import logged, say
from informed_init.sources import load
from informed_init.training.live_taps import live_taps
from informed_init.training.runner import untrained_sources

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        spec, replica, tasks = job.params.spec, job.params.replica, job.params.source_tasks
        model = architectures.build(spec["architecture"], num_classes=job.params.num_classes)
        names = choose_sources([task["name"] for task in tasks], spec["models"], replica, spec["disjoint"])
        if spec["trained"]:
            available = load(job.input.sources)
        else:
            chosen = [task for task in tasks if task["name"] in names]
            available = untrained_sources(spec["architecture"], chosen, job.params.num_classes)
        bank = build(
            spec["method"],
            {name: available[name] for name in names},
            [name for name, _ in bankable_layers(model)],
            (replica,),
            k=spec["k"],
            live=live_taps(model, tuple(job.params.input_size)) if spec["taps"] == "live" else None,
            progress=say,
        )
        bank.save(job.output[0])
