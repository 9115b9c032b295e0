"""Rule audit: all curves -> the paper's claims with verdicts, and what each control keeps of the gain."""

import pandas as pd
from informed_init.curves import read_curves, write_csv
from informed_init.files import write_text
from informed_init.jobs import logged
from informed_init.tables import VERDICT_RULE, attribution, audit, display_attribution, display_audit, to_markdown

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        curves = read_curves(job.input.curves)
        claims = audit(curves, recipe=job.params.recipe, chance=job.params.chance)
        write_csv(claims, job.output.audit_csv)
        write_text(job.output.audit_markdown, to_markdown(display_audit(claims)) + f"\n{VERDICT_RULE}\n")
        shares = {
            protocol: attribution(curves, protocol=protocol, recipe=job.params.recipe, chance=job.params.chance)
            for protocol in job.params.protocols
        }
        table = pd.concat([share.assign(protocol=protocol) for protocol, share in shares.items()])
        write_csv(table, job.output.attribution_csv)
        texts = [f"Under `{name}`:\n\n{to_markdown(display_attribution(share))}" for name, share in shares.items()]
        write_text(job.output.attribution_markdown, "\n".join(texts))
