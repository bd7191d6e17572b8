package hostile

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/inferd/inferd/daemon/device/devicetest"
	"github.com/inferd/inferd/daemon/tensor"
	"google.golang.org/protobuf/encoding/protowire"
)

// hostileIntegers are hardly ever right, wherever they stand.
var hostileIntegers = []int64{0, -1, 2, 7, 1 << 20, 1 << 33, 1 << 40, math.MaxInt64, math.MinInt64}

// integerPaths are the fields of a ModelProto that hold integers which decide sizes, positions and types.
var integerPaths = map[string]bool{
	"7.1.5.3": true, "7.1.5.8": true, // attributes i and ints
	"7.1.5.5.1": true, "7.1.5.5.2": true, // dims and type of tensor attributes
	"7.5.1": true, "7.5.2": true, "7.5.7": true, // dims, type and int64_data of initialisers
	"7.11.2.1.1": true, "7.11.2.1.2.1.1": true, // type and dims of inputs
	"8.2": true, // operator set
}

// messagePaths are the fields on the way to them.
var messagePaths = map[string]bool{
	"7": true, "7.1": true, "7.1.5": true, "7.1.5.5": true, "7.5": true, "7.11": true, "7.11.2": true, "7.11.2.1": true,
	"7.11.2.1.2": true, "7.11.2.1.2.1": true, "8": true,
}

// mutator rewrites the integer that is target-th on the way through a message.
type mutator struct {
	target, seen int
	value        int64
}

func (m *mutator) next(old int64) int64 {
	m.seen++
	if m.seen-1 == m.target {
		return m.value
	}
	return old
}

func (m *mutator) rewrite(data []byte, path string) (out []byte) {
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		size := protowire.ConsumeFieldValue(number, kind, data[n:])
		value, here := data[n:n+size], fmt.Sprintf("%s%d", path, number)
		data = data[n+size:]
		out = protowire.AppendTag(out, number, kind)
		switch {
		case kind == protowire.VarintType && integerPaths[here]:
			x, _ := protowire.ConsumeVarint(value)
			out = protowire.AppendVarint(out, uint64(m.next(int64(x))))
		case kind == protowire.BytesType && integerPaths[here]:
			packed, _ := protowire.ConsumeBytes(value)
			var changed []byte
			for len(packed) > 0 {
				x, n := protowire.ConsumeVarint(packed)
				packed = packed[n:]
				changed = protowire.AppendVarint(changed, uint64(m.next(int64(x))))
			}
			out = protowire.AppendBytes(out, changed)
		case kind == protowire.BytesType && here == "7.5.9": // raw data of small initialisers
			raw, _ := protowire.ConsumeBytes(value)
			raw = slices.Clone(raw)
			if len(raw) <= 64 {
				for at := 0; at+8 <= len(raw); at += 8 {
					binary.LittleEndian.PutUint64(raw[at:], uint64(m.next(int64(binary.LittleEndian.Uint64(raw[at:])))))
				}
			}
			out = protowire.AppendBytes(out, raw)
		case kind == protowire.BytesType && messagePaths[here]:
			content, _ := protowire.ConsumeBytes(value)
			out = protowire.AppendBytes(out, m.rewrite(content, here+"."))
		default:
			out = append(out, value...)
		}
	}
	return out
}

// TestHostileIntegers changes one integer at a time in the model of every operator case, and sends the case's inputs to what compiles.
func TestHostileIntegers(t *testing.T) {
	cases, err := devicetest.Cases()
	if err != nil {
		t.Fatal(err)
	}
	o := options(t)
	random := rand.New(rand.NewPCG(3, 3))
	count := make(map[stage]int)
	for i := range cases {
		c := &cases[i]
		all := mutator{target: -1}
		all.rewrite(c.Model, "")
		for target := range all.seen {
			for _, value := range hostileIntegers {
				// A sample; of long lists (the nodes of trees) a small one. All of it takes a minute.
				if random.IntN(10+all.seen/4) > 0 {
					continue
				}
				m := mutator{target: target, value: value}
				data := m.rewrite(c.Model, "")
				bounded(t, fmt.Sprintf("%s, integer %d is %d", c.Name, target, value), maxAllocated, func() {
					reached, err := attempt(data, o, c.Inputs)
					if count[reached]++; reached == specialize {
						// The case's shapes may be none of the model's.
						reached, err = attempt(data, o, nil)
						count[reached]++
					}
					if reached != served && err == nil {
						t.Errorf("%s: no error at %s", c.Name, reached)
					}
				})
			}
		}
	}
	t.Logf("models ended at %v", count)
}

// TestHostileData sends hostile integers as the data of each case's integer inputs.
func TestHostileData(t *testing.T) {
	cases, err := devicetest.Cases()
	if err != nil {
		t.Fatal(err)
	}
	o := options(t)
	count := make(map[stage]int)
	for i := range cases {
		c := &cases[i]
		for k, x := range c.Inputs {
			if x.DType != tensor.Int64 && x.DType != tensor.Int32 || x.Elements() == 0 {
				continue
			}
			for _, value := range hostileIntegers {
				inputs := slices.Clone(c.Inputs)
				inputs[k] = &tensor.Tensor{DType: x.DType, Shape: x.Shape, Data: slices.Clone(x.Data)}
				last := inputs[k].Data[len(x.Data)-int(x.DType.Size()):]
				if x.DType == tensor.Int64 {
					binary.LittleEndian.PutUint64(last, uint64(value))
				} else {
					binary.LittleEndian.PutUint32(last, uint32(value))
				}
				bounded(t, fmt.Sprintf("%s, an element of input %d is %d", c.Name, k, value), maxAllocated, func() {
					reached, _ := attempt(c.Model, o, inputs)
					count[reached]++
				})
			}
		}
	}
	t.Logf("requests ended at %v", count)
}
