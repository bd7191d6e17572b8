package repository

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/inferd/inferd/daemon/compiler/optimize"
)

// maxConfigBytes bounds the file that is read.
const maxConfigBytes = 1 << 20

// Config is what config.pbtxt says and inferd acts on. The zero Config is that of a model without one.
type Config struct {
	// Given reports whether there is a config.pbtxt.
	Given bool
	// MaxBatchSize bounds the rows of a request and of a batch; 0 means that the file does not say.
	MaxBatchSize int
	// DynamicBatching reports whether the file has that section; Preferred and MaxQueueDelay are its fields.
	DynamicBatching bool
	Preferred       []int
	MaxQueueDelay   time.Duration
	// InstanceGroups say on which devices the model runs; none means that the file does not say.
	InstanceGroups []InstanceGroup
	// Precision is the parameter of that name: what a GPU computes in. Nil where the file does not say.
	Precision *optimize.Precision

	policy   versionPolicy
	newest   int     // of policy latest; 0 means 1
	specific []int64 // of policy specific
}

// InstanceGroup names devices. Its count is read and has no meaning here: one instance serves as many requests as its device has room for.
type InstanceGroup struct {
	Kind string // KindAuto, KindCPU or KindGPU
	GPUs []int  // ordinals; none means all
}

// The kinds of instance groups.
const (
	KindAuto = "KIND_AUTO"
	KindCPU  = "KIND_CPU"
	KindGPU  = "KIND_GPU"
)

type versionPolicy int

const (
	latest versionPolicy = iota
	all
	specific
)

// wants reports whether the version should serve; rank 1 is the newest.
func (c *Config) wants(number int64, rank int) bool {
	switch c.policy {
	case all:
		return true
	case specific:
		return slices.Contains(c.specific, number)
	}
	return rank <= max(1, c.newest)
}

// readConfig reads and interprets the file; the second result is its fingerprint.
func readConfig(path string) (*Config, string, error) {
	// Non-blocking, so that a pipe of that name cannot hang the load.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, "", err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, "", err
	}
	if !info.Mode().IsRegular() {
		return nil, "", fmt.Errorf("%s is not a regular file", configFile)
	}
	data, err := io.ReadAll(io.LimitReader(file, maxConfigBytes+1))
	if err != nil {
		return nil, "", err
	}
	if len(data) > maxConfigBytes {
		return nil, "", fmt.Errorf("%s has more than %d bytes", configFile, maxConfigBytes)
	}
	c, err := parseConfig(string(data))
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", configFile, err)
	}
	return c, fingerprint(info), nil
}

// ignored are fields that describe what inferd reads from the model itself or that change no answer.
var ignored = []string{
	"name", "platform", "backend", "runtime", "default_model_filename", "input", "output", "optimization", "model_warmup",
	"metric_tags", "cc_model_filenames",
}

// unsupported are fields whose meaning would be lost if they were ignored.
var unsupported = []string{
	"sequence_batching", "ensemble_scheduling", "response_cache", "model_transaction_policy", "batch_input", "batch_output",
	"model_operations", "model_repository_agents",
}

func parseConfig(text string) (*Config, error) {
	fields, err := parseText(text)
	if err != nil {
		return nil, err
	}
	c := &Config{Given: true}
	for _, f := range fields {
		switch {
		case f.name == "max_batch_size":
			c.MaxBatchSize, err = f.integer(0, 1<<20)
		case f.name == "dynamic_batching":
			err = c.dynamicBatching(f)
		case f.name == "instance_group":
			err = c.instanceGroup(f)
		case f.name == "version_policy":
			err = c.versionPolicy(f)
		case f.name == "parameters":
			err = c.parameter(f)
		case slices.Contains(ignored, f.name):
		case slices.Contains(unsupported, f.name):
			err = f.errorf("is not supported")
		default:
			err = f.errorf("is unknown")
		}
		if err != nil {
			return nil, err
		}
	}
	for _, size := range c.Preferred {
		if c.MaxBatchSize > 0 && size > c.MaxBatchSize {
			return nil, fmt.Errorf("preferred_batch_size %d is larger than max_batch_size %d", size, c.MaxBatchSize)
		}
	}
	return c, nil
}

func (c *Config) dynamicBatching(section field) error {
	c.DynamicBatching = true
	return section.each(func(f field) (err error) {
		switch f.name {
		case "preferred_batch_size":
			var size int
			size, err = f.integer(1, 1<<20)
			c.Preferred = append(c.Preferred, size)
			slices.Sort(c.Preferred)
		case "max_queue_delay_microseconds":
			var microseconds int
			microseconds, err = f.integer(0, 60_000_000)
			c.MaxQueueDelay = time.Duration(microseconds) * time.Microsecond
		case "preserve_ordering": // requests of one shape keep their order anyway
		case "priority_levels", "default_priority_level", "default_queue_policy", "priority_queue_policy":
			err = f.errorf("is not supported")
		default:
			err = f.errorf("is unknown")
		}
		return err
	})
}

func (c *Config) instanceGroup(section field) error {
	group := InstanceGroup{Kind: KindAuto}
	err := section.each(func(f field) (err error) {
		switch f.name {
		case "count":
			_, err = f.integer(1, 1024)
		case "name":
		case "kind":
			if group.Kind = f.value; f.message || !slices.Contains([]string{KindAuto, KindCPU, KindGPU}, f.value) {
				err = f.errorf("is %q, want %s, %s or %s", f.value, KindAuto, KindCPU, KindGPU)
			}
		case "gpus":
			var gpu int
			gpu, err = f.integer(0, 1023)
			group.GPUs = append(group.GPUs, gpu)
		case "rate_limiter", "profile", "passive", "host_policy", "secondary_devices":
			err = f.errorf("is not supported")
		default:
			err = f.errorf("is unknown")
		}
		return err
	})
	if err == nil && group.Kind == KindCPU && len(group.GPUs) > 0 {
		return section.errorf("names GPUs for instances on the CPU")
	}
	c.InstanceGroups = append(c.InstanceGroups, group)
	return err
}

// parameter reads an entry of the map of parameters: a key, and a value with the field string_value. Those of other servers mean nothing here.
func (c *Config) parameter(section field) error {
	var key, value string
	var at field
	err := section.each(func(f field) error {
		switch f.name {
		case "key":
			key = f.value
		case "value":
			return f.each(func(f field) error {
				value, at = f.value, f
				return nil
			})
		default:
			return f.errorf("is unknown")
		}
		return nil
	})
	if err != nil || key != "precision" {
		return err
	}
	precision, err := optimize.ParsePrecision(value)
	if err != nil {
		return at.errorf("of parameter %q: %v", key, err)
	}
	c.Precision = &precision
	return nil
}

func (c *Config) versionPolicy(section field) error {
	return section.each(func(choice field) error {
		switch choice.name {
		case "latest":
			c.policy = latest
			return choice.each(func(f field) (err error) {
				if f.name != "num_versions" {
					return f.errorf("is unknown")
				}
				c.newest, err = f.integer(1, 1<<20)
				return err
			})
		case "all":
			c.policy = all
			return choice.each(func(f field) error { return f.errorf("is unknown") })
		case "specific":
			c.policy = specific
			return choice.each(func(f field) error {
				if f.name != "versions" {
					return f.errorf("is unknown")
				}
				number, err := f.integer(1, 1<<62)
				c.specific = append(c.specific, int64(number))
				return err
			})
		}
		return choice.errorf("is unknown")
	})
}

// integer returns the field's value within bounds.
func (f field) integer(least, most int) (int, error) {
	value, err := strconv.Atoi(f.value)
	if f.message || err != nil || value < least || value > most {
		return 0, f.errorf("is %q, want an integer from %d to %d", f.value, least, most)
	}
	return value, nil
}

// each visits the fields of a message.
func (f field) each(visit func(field) error) error {
	if !f.message {
		return f.errorf("is %q, want a message in braces", f.value)
	}
	for _, child := range f.fields {
		if err := visit(child); err != nil {
			return err
		}
	}
	return nil
}

func (f field) errorf(format string, args ...any) error {
	return fmt.Errorf("line %d: field %q %s", f.line, f.name, fmt.Sprintf(format, args...))
}
