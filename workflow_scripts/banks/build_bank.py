"""Rule build_bank: the filters of each replica's sources -> its bank."""

from informed_init import architectures
from informed_init.banks.bank import bankable_layers, build
from informed_init.files import write_checksum
from informed_init.jobs import logged, say
from informed_init.runs.sources import replica_sources
from informed_init.training.live_taps import live_taps

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        spec, classes, files = job.params.spec, job.params.num_classes, job.input.get("sources", [])
        shape = tuple(job.params.input_size)
        model = architectures.build_for(spec["architecture"], classes, shape)
        layers = [name for name, _ in bankable_layers(model)]
        live = live_taps(model, shape) if spec["taps"] == "live" else None
        for replica, path in zip(job.params.replicas, job.output.banks, strict=True):
            chosen = replica_sources(spec, replica, job.params.source_tasks, classes, shape, files)
            build(spec["method"], chosen, layers, (replica,), k=spec["k"], live=live, progress=say).save(path)
            write_checksum(path)
