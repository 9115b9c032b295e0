"""Rule fetch: make sure that a data set lies under data_root, downloading it if it does not, and note that it was
verified."""

from informed_init.files import write_text
from informed_init.jobs import logged, say
from informed_init.tasks.fetch import fetch

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        fetch(job.wildcards.dataset, job.params.data_root, log=say)
        write_text(job.output[0], f"{job.wildcards.dataset} verified\n")
