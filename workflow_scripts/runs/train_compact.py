"""Rule train_compact: a final model x a block of replicas -> curves, confusion, features in two dimensions, and a record."""

from informed_init.columns import COLUMNS, write_rows
from informed_init.jobs import logged, made_by, say, write_record
from informed_init.runs.data import Data
from informed_init.runs.partial import Partial, digest_of
from informed_init.runs.search import CONFUSION, FEATURES, train_final
from informed_init.search.rungs import read_rungs

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        spec = job.params.spec
        digest = digest_of(spec, job.input)
        partial = Partial(job.params.partial, digest)
        rungs = read_rungs(job.input.get("rungs", []))
        data = Data.load(job.input.train, job.input.test)
        tables, facts = train_final(spec, data, rungs[-1] if rungs else [], partial, say)
        write_rows(tables["curves"], job.output.curves, COLUMNS)
        write_rows(tables["confusion"], job.output.confusion, CONFUSION)
        write_rows(tables["features"], job.output.features, FEATURES)
        write_record(job.output.record, made_by(spec=spec, digest=digest, **facts))
        partial.remove()
