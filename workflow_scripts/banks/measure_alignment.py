"""Rule measure_alignment: two trained sources -> their first filters before and after alignment (Figure 1)."""

from informed_init import architectures
from informed_init.banks.alignment import filter_pair, permutation_groups
from informed_init.banks.sources import load
from informed_init.jobs import logged
from informed_init.report.curves import write_csv
from informed_init.report.kernels import filter_table

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        sources = dict(list(load(job.input.sources).items())[:2])
        shape = tuple(job.params.input_size)
        model = architectures.build_for(job.params.architecture, job.params.num_classes, shape)
        pair = filter_pair(sources, permutation_groups(model, shape), job.params.matching)
        first, second = sources
        shown = slice(job.params.filters)
        rows = {
            first: pair["reference"][shown, 0],
            f"{second} as trained": pair["before"][shown, 0],
            f"{second} aligned": pair["after"][shown, 0],
        }
        write_csv(filter_table(rows), job.output[0])
