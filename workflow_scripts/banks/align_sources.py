"""Rule align_sources: each replica's sources, matched filter by filter -> a bank of their averages."""

from informed_init import architectures
from informed_init.banks.alignment import aligned_bank
from informed_init.files import write_checksum
from informed_init.jobs import logged, say
from informed_init.runs.sources import replica_sources

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        spec, classes, files = job.params.spec, job.params.num_classes, job.input.get("sources", [])
        shape = tuple(job.params.input_size)
        model = architectures.build_for(spec["architecture"], classes, shape)
        for replica, path in zip(job.params.replicas, job.output.banks, strict=True):
            chosen = replica_sources(spec, replica, job.params.source_tasks, classes, shape, files)
            aligned_bank(spec["method"], chosen, model, spec["layers"], input_size=shape, progress=say).save(path)
            write_checksum(path)
