//go:build cuda

package cuda

import (
	"embed"
	"fmt"
)

// images are the compiled kernels: machine code for the architectures that the Makefile names, and PTX that the driver translates for later ones.
//
//go:embed *.fatbin
var images embed.FS

// Image returns the fat binary of a module.
func Image(module string) ([]byte, error) {
	image, err := images.ReadFile(module + ".fatbin")
	if err != nil {
		return nil, fmt.Errorf("there is no kernel module %q: run make kernels", module)
	}
	return image, nil
}
