// Package machine says where figures were measured and keeps them.
//
// In: /proc/cpuinfo, and figures of any kind. Out: the processor's description, and a JSON line per figure.
package machine

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// Info describes the machine and the day.
type Info struct {
	Processor string `json:"processor"`
	Flags     string `json:"flags"`
	Date      string `json:"date"`
}

// Describe reads what the kernel says of the processor.
func Describe() Info {
	info := Info{Date: time.Now().UTC().Format(time.DateOnly), Processor: "unknown processor"}
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return info
	}
	fields := map[string]string{}
	for line := range strings.Lines(string(data)) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			fields[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	info.Processor = fmt.Sprintf("%s, family %s model %s", fields["model name"], fields["cpu family"], fields["model"])
	for _, flag := range []string{"avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile"} {
		if slices.Contains(strings.Fields(fields["flags"]), flag) {
			info.Flags = strings.TrimSpace(info.Flags + " " + flag)
		}
	}
	return info
}

// Append adds a JSON line per figure, each with its kind and the machine, to the file.
func Append[F any](path, kind string, info Info, figures []F) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	for _, f := range figures {
		line, err := merge(struct {
			Kind string `json:"kind"`
			Info
		}{kind, info}, f)
		if err != nil {
			return err
		}
		if _, err := file.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return file.Close()
}

// merge encodes the fields of several structs as one object.
func merge(parts ...any) ([]byte, error) {
	whole := map[string]json.RawMessage{}
	for _, part := range parts {
		text, err := json.Marshal(part)
		if err != nil {
			return nil, err
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(text, &fields); err != nil {
			return nil, fmt.Errorf("a figure is no object: %w", err)
		}
		maps.Copy(whole, fields)
	}
	return json.Marshal(whole)
}
