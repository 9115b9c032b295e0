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
NOT_IDEMPOTENT = (
    *(
        nn.LeakyReLU,
        nn.PReLU,
        nn.RReLU,
        nn.ELU,
        nn.SELU,
        nn.CELU,
        nn.GELU,
        nn.SiLU,
        nn.Mish,
        nn.Sigmoid,
        nn.Tanh,
    ),
    *(nn.Hardswish, nn.Hardsigmoid, nn.Softplus, nn.Softsign, nn.LogSigmoid, nn.Tanhshrink, nn.Softshrink),
    *(nn.Softmax, nn.LogSoftmax, nn.GLU),
)
ELEMENTWISE = (
    *(
        nn.ReLU,
        nn.ReLU6,
        nn.LeakyReLU,
        nn.ELU,
        nn.SELU,
        nn.CELU,
        nn.GELU,
        nn.SiLU,
        nn.Mish,
        nn.Sigmoid,
        nn.Tanh,
    ),
    *(nn.Hardtanh, nn.Hardswish, nn.Hardsigmoid, nn.Softplus, nn.Softsign, nn.LogSigmoid, nn.Threshold),
    *(nn.Tanhshrink, nn.Softshrink, nn.Hardshrink, nn.Identity),
)
SPATIAL = (  # nothing happens across dimension 1
    *(
        nn.MaxPool1d,
        nn.MaxPool2d,
        nn.MaxPool3d,
        nn.AvgPool1d,
        nn.AvgPool2d,
        nn.AvgPool3d,
        nn.LPPool1d,
        nn.LPPool2d,
    ),
    *(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d),
    *(nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d),
    *(nn.Upsample, nn.ZeroPad2d, nn.ConstantPad2d, nn.ReflectionPad2d, nn.ReplicationPad2d),
)


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
    softsign logsigmoid threshold clamp clip abs exp log sqrt rsqrt pow square neg contiguous clone detach
    float double half to
    dropout dropout1d dropout2d dropout3d alpha_dropout feature_dropout stochastic_depth drop_block2d
""")
ARITHMETIC_NAMES = _names("add iadd radd sub isub rsub mul imul rmul div truediv itruediv maximum minimum")
SPATIAL_NAMES = _names("""
    max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d lp_pool1d lp_pool2d
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d
    adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d interpolate upsample
""")
