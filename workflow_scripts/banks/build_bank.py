"""Rule build_bank and those of banks that share a job: the filters of each replica's sources -> its bank."""

from informed_init.jobs import logged, say
from informed_init.runs.banks import make_banks

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        make_banks(job.params.banks, job.params.sources, job.input.get("sources", []), job.output.banks, say)
