"""Net2Net: grow any network that torch.fx can trace without changing what it computes (Chen et al. 2016).

:func:`grow` is the entry point. Channel groups are found from the graph (``channels.rules``), copies are drawn per
group as asked (``request``, ``mapping``), the wider tensors computed (``wider``), layers inserted (``deeper``,
``calibration``), and the result is compared with the teacher (``comparison``). What is supported: docs/net2net.md.
"""

from .comparison import fidelity
from .grow import CouplingGroup, coupling_groups, grow, net2deeper, net2wider
from .request import GrowthSpec

__all__ = ["CouplingGroup", "GrowthSpec", "coupling_groups", "fidelity", "grow", "net2deeper", "net2wider"]
