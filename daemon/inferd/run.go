//go:build linux && amd64 && cgo

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/valyala/fastjson"

	"github.com/inferd/inferd/daemon/compiler"
	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/onnx"
	"github.com/inferd/inferd/daemon/oip"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/daemon/tensor/npy"
)

func newRunCommand() *cobra.Command {
	var flags deviceFlags
	var inputs []string
	var output, format string
	c := &cobra.Command{
		Use:   "run MODEL",
		Short: "Run a model once on inputs from files",
		Long: "Runs MODEL (an ONNX file, or a folder with model.onnx) once. Inputs are .npy, .pb (TensorProto) or .json files; a JSON file holds a nested array,\n" +
			"or an Open Inference Protocol request with all inputs. Outputs go to stdout as JSON, or to files of --output-dir.",
		Example: "  inferd run model.onnx --input x=x.npy\n  inferd run model.onnx --input request.json --output-dir out --format npy",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if format != "npy" && format != "pb" {
				return usageError{fmt.Errorf("--format %q: want npy or pb", format)}
			}
			d, err := flags.open()
			if err != nil {
				return err
			}
			defer d.close()
			m, err := loadModel(args[0], d.options())
			if err != nil {
				return err
			}
			defer m.Close()
			tensors, err := readInputs(m.Inputs(), inputs)
			if err != nil {
				return err
			}
			results, err := infer(m, tensors)
			if err != nil {
				return err
			}
			if output == "" {
				return printOutputs(c.OutOrStdout(), m, results)
			}
			return writeOutputs(output, format, m, results)
		},
	}
	flags.register(c, deviceCPU)
	c.Flags().StringArrayVarP(&inputs, "input", "i", nil, "input as NAME=FILE, or FILE where the model has one input or FILE is a JSON request (repeatable)")
	c.Flags().StringVarP(&output, "output-dir", "o", "", "folder for the outputs, a file each (default: JSON on stdout)")
	c.Flags().StringVar(&format, "format", "npy", "format of the files in --output-dir: npy or pb")
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"npy", "pb"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// readInputs reads a tensor for each input of the model.
func readInputs(wanted []*graph.Value, given []string) ([]*tensor.Tensor, error) {
	byName := make(map[string]*tensor.Tensor)
	for _, argument := range given {
		name, path, named := strings.Cut(argument, "=")
		if !named {
			path = argument
			if len(wanted) == 1 {
				name = wanted[0].Name
			}
		}
		if err := readInput(byName, wanted, name, path); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	list := make([]*tensor.Tensor, len(wanted))
	for i, v := range wanted {
		if list[i] = byName[v.Name]; list[i] == nil {
			return nil, usageError{fmt.Errorf("input %q (%s) is missing: give --input %s=FILE", v.Name, v.Type(), v.Name)}
		}
		delete(byName, v.Name)
	}
	for name := range byName {
		return nil, usageError{fmt.Errorf("the model has no input %q", name)}
	}
	return list, nil
}

func readInput(byName map[string]*tensor.Tensor, wanted []*graph.Value, name, path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return errors.Unwrap(err)
	}
	var t *tensor.Tensor
	switch filepath.Ext(path) {
	case ".npy":
		t, err = npy.Parse(data)
	case ".pb":
		t, _, err = onnx.ParseTensor(data)
	case ".json":
		return readJSON(byName, wanted, name, data)
	default:
		return errors.New("unknown kind of file: want .npy, .pb or .json")
	}
	if err == nil {
		byName[name] = t
	}
	return err
}

// readJSON reads a request with inputs, or the elements of one input.
func readJSON(byName map[string]*tensor.Tensor, wanted []*graph.Value, name string, data []byte) error {
	var request oip.Request
	value, err := fastjson.ParseBytes(data)
	if err != nil {
		return err
	}
	if value.Type() == fastjson.TypeObject {
		if err := request.Decode(data, -1); err != nil {
			return err
		}
		for i := range request.Inputs {
			in := &request.Inputs[i]
			if byName[string(in.Name)], err = tensorOf(in); err != nil {
				return err
			}
		}
		return nil
	}
	for _, v := range wanted {
		if v.Name == name {
			in := oip.Input{Name: []byte(name), DType: v.DType, Shape: arrayShape(value), JSON: value}
			byName[name], err = tensorOf(&in)
			return err
		}
	}
	return fmt.Errorf("the model has no input %q", name)
}

// arrayShape is the shape of a nested array, taken from its first elements.
func arrayShape(v *fastjson.Value) []int64 {
	var shape []int64
	for v != nil && v.Type() == fastjson.TypeArray {
		list := v.GetArray()
		shape = append(shape, int64(len(list)))
		if len(list) == 0 {
			break
		}
		v = list[0]
	}
	return shape
}

func tensorOf(in *oip.Input) (*tensor.Tensor, error) {
	if in.DType != tensor.String {
		t := tensor.New(in.DType, in.Shape...)
		return t, in.Copy(t.Data)
	}
	size, err := in.StringBytes()
	if err != nil {
		return nil, err
	}
	t := tensor.New(tensor.String, in.Shape...)
	return t, in.CopyStrings(t.Strings, make([]byte, size))
}

func printOutputs(w io.Writer, m *compiler.Model, results []*tensor.Tensor) error {
	outputs := make([]oip.Output, len(results))
	for i, t := range results {
		outputs[i] = oip.Output{Name: m.OutputNames()[i], DType: t.DType, Shape: t.Shape, Data: t.Data}
		if t.DType == tensor.String {
			outputs[i].Data = tensor.StringRecords(t.Strings)
		}
		if !oip.HasJSONForm(t.DType) {
			return fmt.Errorf("output %q is %v, which has no JSON form: use --output-dir", outputs[i].Name, t)
		}
	}
	body, _ := oip.AppendResponse(nil, m.Name(), "", nil, outputs)
	_, err := fmt.Fprintf(w, "%s\n", body)
	return err
}

func writeOutputs(folder, format string, m *compiler.Model, results []*tensor.Tensor) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for i, t := range results {
		name := m.OutputNames()[i]
		data, err := npy.Append(nil, t)
		if format == "pb" {
			data, err = onnx.AppendTensor(nil, name, t), nil
		}
		if err != nil {
			return fmt.Errorf("output %q: %w", name, err)
		}
		file := fmt.Sprintf("output_%d.%s", i, format)
		if err := os.WriteFile(filepath.Join(folder, file), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
