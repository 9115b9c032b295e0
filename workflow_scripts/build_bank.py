"""Rule build_bank: the filters of a replica's sources -> a bank."""

from informed_init import alignment, architectures
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
            needed = [task for task in tasks if task["name"] in names]
            available = untrained_sources(spec["architecture"], needed, job.params.num_classes)
        chosen = {name: available[name] for name in names}
        layers = [name for name, _ in bankable_layers(model)]
        if spec["method"] in alignment.METHODS:
            bank = alignment.aligned_bank(spec["method"], chosen, model, spec["layers"], progress=say)
        else:
            live = live_taps(model, tuple(job.params.input_size)) if spec["taps"] == "live" else None
            bank = build(spec["method"], chosen, layers, (replica,), k=spec["k"], live=live, progress=say)
        bank.save(job.output[0])
