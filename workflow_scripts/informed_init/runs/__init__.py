"""Bodies of jobs: what a rule trains or measures, resumable, from one dict of parameters."""
