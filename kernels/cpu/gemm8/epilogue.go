package gemm8

import (
	"errors"
	"fmt"

	"github.com/inferd/inferd/kernels/cpu/activation"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// Epilogue describes what is multiplied beside the matrices, and what becomes of the sums: see gemm8.h. Operands are read when the step runs; absent ones are zero
// operands.
type Epilogue struct {
	Signed bool         // A is int8, else uint8
	AZero  step.Operand // one integer of A's type
	Output Type

	// Of Float32, Uint8 and Int8.
	AScale, BScale step.Operand // one float32; BScale may have one a column
	ScaleEach      bool
	Bias           step.Operand // int32, or float32 and added behind the scales; one a column
	FloatBias      bool
	Residual       step.Operand // float32, as the result; may be its memory where that is Float32
	ResidualLast   bool         // add the residual after the activation
	Activation     activation.Activation

	// Of Uint8 and Int8.
	YScale step.Operand // one float32
	YZero  step.Operand // one integer of the result's type
}

// check reports what makes no sense.
func (e *Epilogue) check() error {
	absent := step.Operand{}
	switch {
	case e.Output != Float32 && e.Output != Uint8 && e.Output != Int8 && e.Output != Int32:
		return fmt.Errorf("unknown type %d of the result", e.Output)
	case e.Output == Int32 && (e.AScale != absent || e.BScale != absent || e.Bias != absent || e.Residual != absent || e.Activation.Kind != activation.None):
		return errors.New("sums have no scales and what follows them")
	case (e.Output == Uint8 || e.Output == Int8) != (e.YScale != absent):
		return errors.New("a quantised result has a scale, no other has one")
	case e.Activation.Kind < 0 || e.Activation.Kind >= activation.Kinds:
		return fmt.Errorf("unknown activation %d", e.Activation.Kind)
	}
	return nil
}

// set stores the epilogue's operands and parameters in a step.
func (e *Epilogue) set(s *step.Step) {
	s.Operand[operandAScale], s.Operand[operandAZero], s.Operand[operandBScale] = e.AScale, e.AZero, e.BScale
	s.Operand[operandBias], s.Operand[operandResidual] = e.Bias, e.Residual
	s.Operand[operandYScale], s.Operand[operandYZero] = e.YScale, e.YZero
	s.Parameter[parameterOutput] = int64(e.Output)
	s.Parameter[parameterActivation] = int64(e.Activation.Kind)
	s.SetFloat(parameterP0, float64(e.Activation.P0))
	s.SetFloat(parameterP1, float64(e.Activation.P1))
	for flag, is := range map[int64]bool{flagAIsSigned: e.Signed, flagScaleEach: e.ScaleEach, flagBiasIsFloat: e.FloatBias, flagResidualLast: e.ResidualLast} {
		if is {
			s.Parameter[parameterFlags] |= flag
		}
	}
}

// cost is that of one result in multiply-adds.
func (e *Epilogue) cost() float64 {
	switch {
	case e.Activation.Kind > activation.Clip:
		return 60
	case e.Output == Int32:
		return 4
	}
	return 12
}
