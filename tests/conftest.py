"""Tests run on one thread a process: the numbers do not depend on the machine's core count."""

import torch

torch.set_num_threads(1)
