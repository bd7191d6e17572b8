// Command environment builds the fake driver and prints the variables under which programs use it, to try by hand what tests do:
//
//	env $(go run ./kernels/cuda/fakedriver/environment) bin/inferd devices
package main

import (
	"fmt"
	"os"

	"github.com/inferd/inferd/kernels/cuda/fakedriver"
)

func main() {
	variables, err := fakedriver.Environment(os.Args[1:]...)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, variable := range variables {
		fmt.Println(variable)
	}
}
