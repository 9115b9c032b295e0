"""Rule measure_cosine: trained sources -> how far training moved the weights of each layer from their own start."""

from informed_init import architectures
from informed_init.banks.bank import bankable_layers
from informed_init.banks.cosine import cosines, summarize
from informed_init.banks.sources import load
from informed_init.jobs import logged
from informed_init.report.curves import write_csv
from informed_init.runs.sources import untrained_sources
from informed_init.training.live_taps import live_taps

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        architecture, num_classes = job.params.architecture, job.params.num_classes
        shape = tuple(job.params.input_size)
        model = architectures.build_for(architecture, num_classes, shape)
        masks = live_taps(model, shape)
        trained = load(job.input.sources)
        pairs = (  # one task at a time: all untrained networks together would be gigabytes
            (name, trained[name], start)
            for task in job.params.source_tasks
            for name, start in untrained_sources(architecture, [task], num_classes, shape).items()
        )
        table = cosines(pairs, {name: masks[name] for name, _ in bankable_layers(model)})
        write_csv(summarize(table), job.output[0])
