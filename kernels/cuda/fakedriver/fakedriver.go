// Package fakedriver stands in for a GPU in tests: two libraries that are loaded in place of the CUDA driver and cuBLASLt and do the work on the CPU, with
// everything that is asynchronous there asynchronous here, and failures on demand.
//
// In: sources in source/, built with g++; the kernels that package emulation builds. Out: environment variables under which programs use the libraries,
// and control over them. Kernels run in the emulation, so it shows wrong results, wrong order, wrong use of the driver and memory errors; it says nothing
// about speed.
//
// Limits, where it is simpler than the real driver: a capture covers one stream and records no events; contexts are primary contexts; texture, array,
// managed and peer memory and graphs made by hand are missing; every module holds every kernel.
package fakedriver

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/inferd/inferd/kernels/cuda/emulation"
)

// Image is accepted as an image of kernels.
var Image = []byte(".version 9.0 // stands for any fat binary\n\x00")

// Use lets this process find the fake libraries, before anything has loaded a driver, and returns control over them. Settings are NAME=value pairs of the
// variables in source/settings.h, without INFERD_FAKE_. It fails with emulation.ErrNoCompiler where g++ is missing.
func Use(settings ...string) (*Control, error) {
	environment, err := Environment(settings...)
	if err != nil {
		return nil, err
	}
	for _, variable := range environment {
		name, value, _ := strings.Cut(variable, "=")
		if err := os.Setenv(name, value); err != nil {
			return nil, err
		}
	}
	libraries, err := Build()
	if err != nil {
		return nil, err
	}
	return open(libraries.Driver)
}

// UseInTests is Use for TestMain. It ends the process where the libraries cannot be built, with success where a compiler is missing. On a host with a GPU,
// INFERD_TEST_GPU=1 runs tests there instead: then it does nothing, and there is no control.
func UseInTests(settings ...string) *Control {
	if os.Getenv("INFERD_TEST_GPU") != "" {
		return nil
	}
	c, err := Use(settings...)
	switch {
	case errors.Is(err, emulation.ErrNoCompiler):
		fmt.Println("skipped:", err)
		os.Exit(0)
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return c
}

// Environment returns the variables, as NAME=value, under which another process finds the fake libraries.
func Environment(settings ...string) ([]string, error) {
	libraries, err := Build()
	if err != nil {
		return nil, fmt.Errorf("build the fake driver: %w", err)
	}
	list := []string{"INFERD_CUDA_LIBRARY=" + libraries.Driver, "INFERD_CUBLASLT_LIBRARY=" + libraries.BLAS, "INFERD_FAKE_KERNELS=" + libraries.Kernels}
	for _, setting := range settings {
		if !strings.Contains(setting, "=") {
			return nil, errors.New("a setting is NAME=value")
		}
		list = append(list, "INFERD_FAKE_"+setting)
	}
	return list, nil
}
