package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/inferd/inferd/bench/onnxruntime"
	"github.com/inferd/inferd/daemon/compiler/onnx"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/memory"
)

// variationBytes bounds the inputs kept for one case; more variations than branch predictors remember, where they are small.
const (
	variationBytes = 32 << 20
	maxVariations  = 256
)

// variation is one set of inputs in memory that both engines read.
type variation struct {
	memory []*memory.Block
	values []onnxruntime.Value
}

func readInputs(folder string, count int) ([]*tensor.Tensor, error) {
	list := make([]*tensor.Tensor, count)
	for i := range list {
		data, err := os.ReadFile(filepath.Join(folder, fmt.Sprintf("input_%d.pb", i)))
		if err != nil {
			return nil, err
		}
		if list[i], _, err = onnx.ParseTensor(data); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// variations makes inputs of the stored shapes with content like the stored one.
func (e *engines) variations(stored []*tensor.Tensor) ([]variation, error) {
	size := 1
	for _, t := range stored {
		size += len(t.Data)
	}
	random := rand.New(rand.NewPCG(7, 11))
	list := make([]variation, max(4, min(maxVariations, variationBytes/size)))
	for i := range list {
		for _, t := range stored {
			if err := e.addInput(&list[i], vary(t, random)); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

func (e *engines) addInput(v *variation, t *tensor.Tensor) error {
	if t.DType == tensor.String {
		size := len(t.Strings) * tensor.StringSize
		for _, text := range t.Strings {
			size += len(text)
		}
		block, err := memory.Allocate(size)
		if err != nil {
			return err
		}
		tensor.PackStrings(block.Bytes(), t.Strings)
		value, err := e.peer.Strings(t.Strings, t.Shape)
		v.memory, v.values = append(v.memory, block), append(v.values, value)
		return err
	}
	block, err := memory.Allocate(len(t.Data))
	if err != nil {
		return err
	}
	copy(block.Bytes(), t.Data)
	value, err := e.peer.Tensor(block.Pointer(), len(t.Data), int(t.DType), t.Shape)
	v.memory, v.values = append(v.memory, block), append(v.values, value)
	return err
}

func (e *engines) release(list []variation) {
	for _, v := range list {
		for i, block := range v.memory {
			e.peer.Release(v.values[i])
			block.Free()
		}
	}
}

// vary returns a tensor of the same type and shape: floats are drawn from the stored ones with noise, integers from the stored range, strings from
// the stored ones. A tensor of equal integers (an attention mask, token types) stays.
func vary(t *tensor.Tensor, random *rand.Rand) *tensor.Tensor {
	fresh := tensor.New(t.DType, t.Shape...)
	switch t.DType {
	case tensor.Float32:
		from, to := tensor.Slice[float32](t), tensor.Slice[float32](fresh)
		for i := range to {
			to[i] = from[random.IntN(len(from))] + float32(random.NormFloat64())*0.01
		}
	case tensor.Int64:
		from, to := tensor.Slice[int64](t), tensor.Slice[int64](fresh)
		low, high := from[0], from[0]
		for _, x := range from {
			low, high = min(low, x), max(high, x)
		}
		copy(to, from)
		if high > 1 {
			for i := range to {
				to[i] = low + random.Int64N(high-low+1)
			}
		}
	case tensor.String:
		for i := range fresh.Strings {
			fresh.Strings[i] = t.Strings[random.IntN(len(t.Strings))]
		}
	default:
		copy(fresh.Data, t.Data)
	}
	return fresh
}
