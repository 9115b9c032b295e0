"""Which rule holds at which layer or function; with them, the channels of a network that must grow together."""

from torch import Tensor, nn

from . import functions, layers, moves
from .operations import (
    ARITHMETIC_NAMES,
    AVERAGING_NORMS,
    CONCATENATION_NAMES,
    CONVOLUTIONS,
    CUT_NAMES,
    ELEMENTWISE,
    ELEMENTWISE_NAMES,
    LAYER_NAMES,
    ORDER_NAMES,
    PER_CHANNEL_NORMS,
    QUESTION_NAMES,
    REDUCTION_NAMES,
    RESHAPE_NAMES,
    SOFTMAX_NAMES,
    SOFTMAXES,
    SPATIAL,
    SPATIAL_NAMES,
)
from .trace import graphs
from .walk import Check, Coupling, Layer, Rule, Walk

__all__ = ["FUNCTIONS", "LAYERS", "Check", "Coupling", "Layer", "Rule", "couple"]

EVENLY = "only to whole multiples"
ALONG = "follow"

LAYERS = (
    Rule(
        CONVOLUTIONS,
        "it makes channels: to any width, in `groups` to a multiple of them; a depthwise one follows what it is given",
        layers.convolution,
    ),
    Rule((nn.Linear,), "it makes features: to any width", layers.linear),
    Rule(PER_CHANNEL_NORMS, f"{ALONG}, with their running statistics", layers.per_channel),
    Rule(AVERAGING_NORMS, f"{ALONG}; where they are averaged over, {EVENLY}", layers.averaging_norm),
    Rule((nn.PReLU,), f"{ALONG}, with their slopes", layers.slopes),
    Rule(ELEMENTWISE, ALONG, moves.same),
    Rule(SPATIAL, f"{ALONG}; pooling over them is refused", moves.spatial),
    Rule(SOFTMAXES, f"{ALONG}; over them only where the network ends", moves.softmax),
    Rule((nn.Flatten,), f"{ALONG}, each standing for its pixels", moves.reshape),
    Rule((nn.ChannelShuffle,), f"{ALONG}, {EVENLY}", moves.shuffle),
    Rule((nn.LocalResponseNorm,), "are refused, as it mixes neighboring ones", layers.mixing),
)
FUNCTIONS = (
    Rule(LAYER_NAMES, "as the layer whose own weight they are given", layers.function),
    Rule(ELEMENTWISE_NAMES, ALONG, moves.same),
    Rule(
        ARITHMETIC_NAMES, f"{ALONG}, both operands alike; a parameter of the code's own follows", functions.arithmetic
    ),
    Rule(CONCATENATION_NAMES, ALONG, functions.concatenation),
    Rule(SPATIAL_NAMES, f"{ALONG}; pooling over them is refused", moves.spatial),
    Rule(SOFTMAX_NAMES, f"{ALONG}; over them only where the network ends", moves.softmax),
    Rule(
        RESHAPE_NAMES,
        f"{ALONG}, if they stay in one dimension; through a channel shuffle {EVENLY}",
        moves.reshape,
    ),
    Rule(ORDER_NAMES, ALONG, moves.reorder),
    Rule(frozenset({"channel_shuffle"}), f"{ALONG}, {EVENLY}", moves.shuffle),
    Rule(CUT_NAMES, f"{ALONG}; if they are cut, {EVENLY}", moves.cut),
    Rule(frozenset({"getitem"}), f"{ALONG}; of a slice of them, {EVENLY}; single channels are refused", moves.part),
    Rule(REDUCTION_NAMES, f"{ALONG}; for a mean over them, {EVENLY}; a sum over them is refused", moves.reduce),
    Rule(frozenset({"pad"}), f"{ALONG}; padding of the channels is refused", moves.pad),
    Rule(QUESTION_NAMES, "asked again by the student", functions.question),
)


def couple(model: nn.Module, example_input: Tensor) -> Coupling:
    """Find which channels of ``model`` must grow together, from its graph alone.

    Raises:
        InputError: the network cannot be traced, or does not run on ``example_input``.
    """
    walk = Walk(model, LAYERS, FUNCTIONS)
    for graph in graphs(model, example_input):
        walk.graph(graph.graph)
    coupling, order = walk.found, list(walk.found.layers)
    for axis in coupling.axes():
        axis.layers.sort(key=order.index)
    return coupling
