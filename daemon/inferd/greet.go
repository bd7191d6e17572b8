package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/inferd/inferd/daemon/engine"
	"github.com/inferd/inferd/daemon/oip"
	"github.com/inferd/inferd/daemon/tensor"
)

// greet tells a person at a terminal what is served and how to call it. Services have the log.
func (s *server) greet(address string) {
	if !term.IsTerminal(int(os.Stdout.Fd())) && os.Getenv("INFERD_GREET") == "" {
		return
	}
	info := s.engine.Device()
	fmt.Printf("\nhttp     http://%s\nmetrics  http://%s:%d/metrics\ndevice   %s: %s\n", address, s.options.address, s.options.metricsPort, info.Name, info.Description)
	for _, v := range s.engine.Versions("") {
		fmt.Printf("model    %s version %s: %s -> %s\n", v.Name(), v.NumberText(), describe(v.Inputs()), describe(v.Outputs()))
	}
	for _, entry := range s.engine.Index() {
		if entry.Reason != "" {
			fmt.Printf("failed   %s: %s\n", entry.Name, entry.Reason)
		}
	}
	for _, v := range s.engine.Versions("") {
		if request, ok := exampleRequest(v); ok {
			printExample(address, v.Name(), request)
			break
		}
	}
}

func describe(list []engine.TensorInfo) string {
	texts := make([]string, len(list))
	for i, t := range list {
		texts[i] = fmt.Sprintf("%s %s%v", t.Name, oip.Datatype(t.DType), t.Shape)
	}
	return strings.Join(texts, ", ")
}

// exampleRequest builds a request of zeros where the model's inputs are small numbers.
func exampleRequest(v *engine.Version) (string, bool) {
	var inputs []string
	for _, in := range v.Inputs() {
		count := int64(1)
		shape := append([]int64{}, in.Shape...)
		for axis := range shape {
			if shape[axis] < 0 {
				shape[axis] = 1
			}
			count *= shape[axis]
		}
		if count > 100 || !in.Ranked || in.DType == tensor.String || !oip.HasJSONForm(in.DType) {
			return "", false
		}
		dims := strings.ReplaceAll(fmt.Sprint(shape), " ", ",")
		data := strings.TrimSuffix(strings.Repeat("0,", int(count)), ",")
		inputs = append(inputs, fmt.Sprintf(`{"name":"%s","datatype":"%s","shape":%s,"data":[%s]}`, in.Name, oip.Datatype(in.DType), dims, data))
	}
	return fmt.Sprintf(`{"inputs":[%s]}`, strings.Join(inputs, ",")), true
}

func printExample(address, model, request string) {
	fmt.Printf(`
try it from a shell:

curl -s http://%[1]s/v2/models/%[2]s/infer -d '%[3]s'

or from Python:

import json, urllib.request
request = json.loads('%[3]s')
reply = urllib.request.urlopen("http://%[1]s/v2/models/%[2]s/infer", json.dumps(request).encode())
print(json.load(reply)["outputs"])

`, address, model, request)
}
