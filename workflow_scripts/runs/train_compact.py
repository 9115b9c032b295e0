"""Rule train_compact: a final model x a block of replicas -> curves, confusion, features in two dimensions, and a record."""

from informed_init.jobs import logged, say
from informed_init.runs.search_job import final_job

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        final_job(job.params.spec, job.input, job.output, job.params.partial, say)
