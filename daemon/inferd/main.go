//go:build linux && amd64 && cgo

// Command inferd is the inference daemon and its tools. A file holds a subcommand; devices.go is the only place that names concrete devices.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "unknown"

// Exit codes beside 0: 1 is a failure of what was asked for, 2 a wrong use of the command line.
const (
	exitFailure = 1
	exitUsage   = 2
)

// errReported means that the command has printed what failed.
var errReported = errors.New("failed")

// usageError marks errors of the command line.
type usageError struct{ error }

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	root := newRootCommand()
	root.SetArgs(args)
	command, err := root.ExecuteC()
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errReported):
		return exitFailure
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "inferd: %v\nTry '%s --help'.\n", err, command.CommandPath())
		return exitUsage
	}
	fmt.Fprintf(os.Stderr, "inferd: %v\n", err)
	return exitFailure
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "inferd",
		Short:         "Serve machine-learning models from a native daemon",
		Long:          "inferd owns models so that application servers need not: it loads ONNX models from a folder and answers predictions over the Open\nInference Protocol, from the CPU's kernels or a GPU.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          markUsage(cobra.NoArgs),
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(newServeCommand(), newRunCommand(), newCheckCommand(), newVerifyCommand(), newBenchCommand(), newDevicesCommand(), newVersionCommand())
	for _, c := range root.Commands() {
		c.Args = markUsage(c.Args)
	}
	return root
}

// markUsage turns errors of argument checks into usage errors.
func markUsage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if check == nil {
			check = cobra.NoArgs
		}
		if err := check(c, args); err != nil {
			return usageError{err}
		}
		return nil
	}
}
