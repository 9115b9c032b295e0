"""Rule search_rung: a block of the shapes that reached a rung -> their held-out accuracies and a record of what made them."""

from informed_init.jobs import logged, say
from informed_init.runs.search_job import rung_job

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        rung_job(job.params.spec, job.input, job.output, job.params.partial, say)
