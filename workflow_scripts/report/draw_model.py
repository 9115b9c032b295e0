"""Rule draw_model: a final model's results on the test images -> accuracy by class, confusion, features."""

import pandas as pd
from informed_init.jobs import logged
from informed_init.report.figures.models import confusion_table, draw_classes, draw_confusion, draw_features
from informed_init.report.figures.style import Style, save
from informed_init.report.search import class_table, read_model

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        name = job.wildcards.model
        parts = read_model({kind: job.input[kind] for kind in ("curves", "confusion", "features", "records")})
        accuracy = float(pd.read_csv(job.input.table, dtype={"model": str}).set_index("model").loc[name, "test_mean"])
        styles = {part: Style(title.format(model=name)) for part, title in job.params.titles.items()}
        classes, confusion = class_table(parts["confusion"]), confusion_table(parts["confusion"])
        replicas = parts["confusion"]["replica"].nunique()
        for part, figure, table in (
            ("per_class", draw_classes(classes, styles["per_class"], overall=accuracy), classes),
            ("confusion", draw_confusion(confusion, styles["confusion"], replicas=replicas), confusion),
            ("features", draw_features(parts["features"], styles["features"]), parts["features"]),
        ):
            save(figure, table, *(job.output[f"{part}_{kind}"] for kind in ("png", "svg", "csv")))
