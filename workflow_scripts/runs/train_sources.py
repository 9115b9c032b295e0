"""Rule train_sources: a block of source networks, one a pair of clustering superclasses, each with its curve."""

from informed_init.jobs import logged, say
from informed_init.runs.sources import train_sources

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        train_sources(job.params.spec, job.input, job.output, job.params.partial, say)
