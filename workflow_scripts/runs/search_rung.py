"""Rule search_rung: a block of the shapes that reached a rung -> their held-out accuracies and a record of what made them."""

from informed_init.columns import write_rows
from informed_init.jobs import logged, made_by, say, write_record
from informed_init.runs.data import Data
from informed_init.runs.partial import Partial, digest_of
from informed_init.runs.search import ROWS, train_rung
from informed_init.search.rungs import read_rungs

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        spec = job.params.spec
        digest = digest_of(spec, job.input)
        partial = Partial(job.params.partial, digest)
        earlier = read_rungs(job.input.get("earlier", []))
        data = Data.load(job.input.train, job.input.test)
        rows, seconds = train_rung(spec, data, earlier, partial, say)
        write_rows(rows, job.output.rows, ROWS)
        write_record(job.output.record, made_by(spec=spec, digest=digest, trainings=seconds))
        partial.remove()
