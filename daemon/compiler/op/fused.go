package op

import "github.com/inferd/inferd/daemon/tensor"

// Fused operators of domain graph.DomainFused. Passes of package optimize make them where the target device supports them
// (device.Device.Fuses); no model file may contain them. float32 throughout unless stated. "Activation" stands for the attributes
//
//	activation        string   one of the names in kernels/cpu/activation (absent: none)
//	activation_alpha  float32  first parameter of the activation
//	activation_beta   float32  second parameter
//	residual_after    int64    1 where the residual is added after the activation, 0 before it
const (
	// FusedLinear: A[..., K], B constant [K, N] ([N, K] where transpose_b is 1), bias[N]?, residual[..., N]? -> [..., N].
	// activation(alpha * A*B + bias + residual). Attributes: transpose_b int64, alpha float32, Activation.
	FusedLinear = "Linear"
	// FusedConv: X[N, H, W, C], W constant [M, C/group, kH, kW] as ONNX lays it out, bias[M]?, residual[N, oH, oW, M]? ->
	// [N, oH, oW, M]. Channels last. Attributes: strides, pads (top, left, bottom, right), dilations []int64, group int64, Activation.
	FusedConv = "Conv"
	// FusedMaxPool, FusedAveragePool: X[N, H, W, C] -> [N, oH, oW, C]. Attributes: kernel_shape, strides, pads, dilations []int64,
	// ceil_mode, count_include_pad int64, as ONNX's.
	FusedMaxPool     = "MaxPool"
	FusedAveragePool = "AveragePool"
	// FusedGlobalAveragePool: X[N, H, W, C] -> [N, 1, 1, C].
	FusedGlobalAveragePool = "GlobalAveragePool"
	// FusedAttention: Q[B, Sq, H*D], K[B, Sk, H*D], V[B, Sk, H*E], mask? added to the scores and broadcast to [B, H, Sq, Sk] ->
	// [B, Sq, H*E]; softmax(scale * Q*K^T + mask) * V per head. Attributes: heads int64, scale float32. With packed 1 the only tensor
	// besides the mask (input 3) is input 0, [B, S, 3*H*D], holding Q, K and V side by side; inputs 1 and 2 are absent.
	FusedAttention = "Attention"
	// FusedLayerNormalization: X, residual?, scale[C], bias[C]? -> Y, sum?. Y = LayerNormalization(X + residual) over the last axis, sum
	// is X + residual for readers beside the normalisation. Attribute: epsilon float32.
	FusedLayerNormalization = "LayerNormalization"
	// FusedElementwise: any number of inputs, broadcast against each other -> one output. Attribute chain: Chain.
	FusedElementwise = "Elementwise"
)

// VersionCast is the version of the Casts that the compiler inserts.
const VersionCast = 13

// Chain is the program of a FusedElementwise node: instruction i writes register len(inputs)+i; the last one is the output.
type Chain []ChainInstruction

// ChainInstruction applies the ONNX operator Op (Add, Mul, Sigmoid, Where, Cast ...) to registers; registers below the number of inputs
// are the node's inputs. Alpha and Beta are the operator's float attributes, To is the element type that a Cast makes.
type ChainInstruction struct {
	Op          string
	Args        []int
	Alpha, Beta float32
	To          tensor.DType
}
