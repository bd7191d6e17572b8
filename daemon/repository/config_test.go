package repository

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/inferd/inferd/daemon/compiler/optimize"
)

const tritonConfig = `
# as people write them for Triton
name: "resnet"
platform: "onnxruntime_onnx"
max_batch_size: 16
input [ { name: "data", data_type: TYPE_FP32, dims: [ 3, 224, 224 ] } ]
output [
  { name: 'prob' data_type: TYPE_FP32 dims: [ 1000 ] label_filename: "labels.txt" }
]
instance_group [ { count: 2 kind: KIND_CPU } ]
dynamic_batching {
  preferred_batch_size: [ 8, 4 ]
  max_queue_delay_microseconds: 100
}
version_policy: { specific: { versions: [ 1, 3 ] } }
parameters [
  { key: "precision" value: { string_value: "FP16" } },
  { key: "FORCE_CPU_ONLY_INPUT_TENSORS" value: { string_value: "no" } }
]
`

func TestParseConfig(t *testing.T) {
	c, err := parseConfig(tritonConfig)
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		Given: true, MaxBatchSize: 16, DynamicBatching: true, Preferred: []int{4, 8}, MaxQueueDelay: 100 * time.Microsecond, InstanceGroups: []InstanceGroup{{Kind: KindCPU}},
		Precision: new(optimize.Float16),
		policy:    specific, specific: []int64{1, 3},
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v, want %+v", c, want)
	}
	if !c.wants(3, 1) || c.wants(2, 2) {
		t.Error("version policy")
	}
}

func TestParseConfigErrors(t *testing.T) {
	for text, want := range map[string]string{
		"max_batch_size: 4\nmax_bach_size: 8":             `line 2: field "max_bach_size" is unknown`,
		"max_batch_size: -1":                              `line 1: field "max_batch_size" is "-1"`,
		"max_batch_size: x":                               `want an integer`,
		"max_batch_size { }":                              `want an integer`,
		"dynamic_batching { delay: 3 }":                   `field "delay" is unknown`,
		"dynamic_batching: 3":                             `want a message`,
		"sequence_batching { }":                           `is not supported`,
		"\n\ninstance_group [ { kind: KIND_MODEL } ]":     `line 3: field "kind" is "KIND_MODEL", want KIND_AUTO`,
		"instance_group [ { gpus: [-1] } ]":               `field "gpus" is "-1"`,
		"instance_group [ { kind: KIND_CPU gpus: [0] } ]": `names GPUs for instances on the CPU`,
		"version_policy { newest { } }":                   `field "newest" is unknown`,
		"name: \"open\n":                                  `a string without its end`,
		"input {":                                         `ends within a message`,
		"input [":                                         `has no value`,
		"input }":                                         `want ':' or '{'`,
		"= 3":                                             `want the name of a field`,
		strings.Repeat("input {", 100):                    `nested deeper`,
		"max_batch_size:":                                 `has no value`,
		"parameters { key: \"precision\" value { string_value: \"fp8\" } }": `field "string_value" of parameter "precision": "fp8" is no precision, want one of model, fp32, tf32, fp16, bf16`,
		"max_batch_size: 2 dynamic_batching { preferred_batch_size: 4 }":    `larger than max_batch_size`,
	} {
		if _, err := parseConfig(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
		}
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add(tritonConfig)
	f.Add("input [ [ { ] }")
	f.Add("a < b: 'x' > c { d: [1,,2] };")
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := parseConfig(text); (c == nil) == (err == nil) {
			t.Errorf("config %v and error %v", c, err)
		}
	})
}
