"""Rule measure_live_taps: an architecture and an image size -> which kernel taps such images can train."""

from informed_init import architectures
from informed_init.jobs import logged
from informed_init.report.curves import write_csv
from informed_init.report.kernels import tap_table
from informed_init.training.live_taps import live_taps

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        shape = tuple(job.params.input_size)
        model = architectures.build_for(job.params.architecture, 10, shape)  # the head has no taps
        masks = {name: mask.numpy() for name, mask in live_taps(model, shape).items()}
        weights = {name: model.get_submodule(name).weight.numel() for name in masks}
        write_csv(tap_table(masks, weights), job.output[0])
