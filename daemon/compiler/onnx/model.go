package onnx

import (
	"fmt"

	"github.com/inferd/inferd/daemon/compiler/graph"
)

// DefaultMaxNodes bounds the nodes of a graph after its functions were inlined.
const DefaultMaxNodes = 1 << 18

// Options says what a model may use.
type Options struct {
	// Folder is where external data may lie. Empty forbids external data.
	Folder string
	// MaxNodes bounds the nodes after inlining; 0 means DefaultMaxNodes.
	MaxNodes int
}

// Metadata is what the file says about itself.
type Metadata struct {
	IRVersion                     int64
	ProducerName, ProducerVersion string
	Domain, Description           string
	ModelVersion                  int64
	// Opsets are the imported operator-set versions by domain.
	Opsets     map[string]int
	Properties map[string]string
}

// Operator-set versions that are understood. Older ones differ in too many ways; newer ones may change what nodes mean.
const (
	minONNXOpset, maxONNXOpset = 7, 28
	minMLOpset, maxMLOpset     = 1, 5
)

// Parse decodes a model. Constants of the graph may share memory with data, which must stay unchanged as long as they are used.
func Parse(data []byte, options Options) (*graph.Graph, *Metadata, error) {
	model, err := parseModelProto(message{data: data, budget: &budget{maxMessages, maxNames}})
	if err != nil {
		return nil, nil, fmt.Errorf("onnx: %w", err)
	}
	if err := checkOpsets(model.metadata.Opsets); err != nil {
		return nil, nil, fmt.Errorf("onnx: %w", err)
	}
	external, err := openExternal(options.Folder)
	if err != nil {
		return nil, nil, fmt.Errorf("onnx: %w", err)
	}
	defer external.close()
	g, err := importGraph(model, options, external)
	if err != nil {
		return nil, nil, fmt.Errorf("onnx: %w", err)
	}
	return g, &model.metadata, nil
}

func checkOpsets(opsets map[string]int) error {
	ranges := map[string][2]int{graph.DomainONNX: {minONNXOpset, maxONNXOpset}, graph.DomainML: {minMLOpset, maxMLOpset}}
	for domain, version := range opsets {
		if limits, ok := ranges[domain]; ok && (version < limits[0] || version > limits[1]) {
			if domain == graph.DomainONNX {
				domain = "ai.onnx"
			}
			return fmt.Errorf("operator set %s %d is not supported, only %d to %d", domain, version, limits[0], limits[1])
		}
	}
	return nil
}
