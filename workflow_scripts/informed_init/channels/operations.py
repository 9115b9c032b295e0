"""Which of torch's operations do what to channels, or to values they have already been applied to."""

from torch import nn

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
DENSE = (*CONVOLUTIONS, nn.Linear)
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
PER_CHANNEL_NORMS = (*BATCH_NORMS, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
AVERAGING_NORMS = (nn.GroupNorm, nn.LayerNorm)
NORMS = (*PER_CHANNEL_NORMS, *AVERAGING_NORMS)

# phi(phi(v)) = phi(v); inserting the identity after any other activation would change the function.
IDEMPOTENT = (nn.ReLU, nn.ReLU6, nn.Hardtanh, nn.Identity)
_SMOOTH = (nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Sigmoid, nn.Tanh, nn.Hardswish)
_OTHER = (nn.Hardsigmoid, nn.Softplus, nn.Softsign, nn.LogSigmoid, nn.Tanhshrink, nn.Softshrink)
SOFTMAXES = (nn.Softmax, nn.LogSoftmax, nn.Softmin)
NOT_IDEMPOTENT = (*_SMOOTH, *_OTHER, nn.PReLU, nn.RReLU, *SOFTMAXES, nn.GLU)
ELEMENTWISE = (*IDEMPOTENT, *_SMOOTH, *_OTHER, nn.Threshold, nn.Hardshrink)
SPATIAL = (  # nothing happens across dimension 1; a number in the name counts the last dimensions, which are mixed
    *(nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d, nn.LPPool1d, nn.LPPool2d),
    *(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d),
    *(nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d),
    *(nn.Upsample, nn.ZeroPad2d, nn.ConstantPad2d, nn.ReflectionPad2d, nn.ReplicationPad2d),
)
# The layers that some rule knows, whose subclasses are the same layers unless they compute something of their own.
KNOWN = (*DENSE, *NORMS, *ELEMENTWISE, *SPATIAL, *NOT_IDEMPOTENT, nn.Flatten, nn.ChannelShuffle, nn.LocalResponseNorm)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Functions and tensor methods, without the trailing underscore of their in-place forms.
IDEMPOTENT_NAMES = {"relu": nn.ReLU, "relu6": nn.ReLU6}
NOT_IDEMPOTENT_NAMES = _names("""
    leaky_relu prelu rrelu elu selu celu gelu silu mish sigmoid tanh hardswish hardsigmoid softplus softsign
    logsigmoid softmax log_softmax tanhshrink softshrink glu
""")
ELEMENTWISE_NAMES = _names("""
    relu relu6 leaky_relu elu selu celu gelu silu mish sigmoid tanh hardtanh hardswish hardsigmoid softplus
    softsign logsigmoid threshold clamp clip abs exp log sqrt rsqrt square neg contiguous clone detach
    float double half to type
    dropout dropout1d dropout2d dropout3d alpha_dropout feature_dropout stochastic_depth drop_block2d
""")
ARITHMETIC_NAMES = _names(
    "add iadd radd sub isub rsub mul imul rmul div truediv itruediv maximum minimum rtruediv rpow pow"
)
SPATIAL_NAMES = _names("""
    max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d lp_pool1d lp_pool2d
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d
    adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d interpolate upsample
""")
SOFTMAX_NAMES = _names("softmax log_softmax softmin")
LAYER_NAMES = _names(
    "conv1d conv2d conv3d linear layer_norm group_norm batch_norm instance_norm"
)  # called as functions
CONCATENATION_NAMES = _names("cat concat concatenate")
RESHAPE_NAMES = _names("view reshape flatten squeeze unsqueeze")
ORDER_NAMES = _names("permute transpose swapaxes swapdims")
CUT_NAMES = _names("chunk split tensor_split")
REDUCTION_NAMES = _names("mean sum amax amin")
QUESTION_NAMES = _names("size getattr dim numel ndimension is_floating_point")  # the student asks them again
