"""Rule train_arm: one arm on its tasks x a block of replicas -> curves and a record of what made them."""

from informed_init.banks import Bank
from informed_init.columns import write_rows
from informed_init.jobs import logged, made_by, say, write_record
from informed_init.sources import choose_source, load
from informed_init.training import runner
from informed_init.training.arms import train_arm

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        spec = job.params.spec
        resources = {replica: {} for replica in spec["replicas"]}
        for replica, path in zip(spec["replicas"], job.input.get("banks", []), strict=False):
            resources[replica]["bank"] = Bank.load(path)
        sources = load(job.input.get("sources", []))
        for replica in spec["replicas"] if sources else []:
            resources[replica]["source"] = choose_source(sources, replica)
        digest = runner.digest_of(spec, job.input)
        partial = runner.Partial(job.params.partial, digest)
        rows, seconds = train_arm(spec, runner.Data.load(job.input.train, job.input.test), resources, partial, say)
        write_rows(rows, job.output.curves)
        facts = {"spec": spec, "digest": digest, "trainings": seconds}
        facts["sources"] = {r: source["source"].name for r, source in resources.items() if "source" in source}
        write_record(job.output.record, made_by(**facts))
        partial.remove()
