"""Rule align_sources: a replica's sources, matched filter by filter -> a bank of their averages."""

from informed_init import architectures
from informed_init.banks.alignment import aligned_bank
from informed_init.jobs import logged, say
from informed_init.runs.sources import replica_sources

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        spec, size = job.params.spec, tuple(job.params.input_size)
        model = architectures.build(spec["architecture"], num_classes=job.params.num_classes)
        chosen = replica_sources(
            spec, job.params.replica, job.params.source_tasks, job.params.num_classes, job.input.get("sources", [])
        )
        bank = aligned_bank(spec["method"], chosen, model, spec["layers"], input_size=size, progress=say)
        bank.save(job.output[0])
