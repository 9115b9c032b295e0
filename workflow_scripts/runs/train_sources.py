"""Rule train_sources: a block of source networks, one a pair of clustering superclasses."""

from informed_init.banks import sources
from informed_init.columns import METRICS, write_rows
from informed_init.files import write_checksum
from informed_init.jobs import logged, say
from informed_init.runs.data import Data
from informed_init.runs.partial import Partial, digest_of
from informed_init.runs.sources import train_sources

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        spec = job.params.spec
        partial = Partial(job.params.partial, digest_of(spec, job.input))
        networks, rows = train_sources(spec, Data.load(job.input.train, job.input.test), partial, say)
        write_rows(rows, job.output.curves, ["task", "epoch", "lr", *METRICS[:6], "diverged"])
        sources.save(job.output.networks, networks, {"architecture": spec["architecture"]})
        write_checksum(job.output.networks)
        partial.remove()
