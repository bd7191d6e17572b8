package fakedriver

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/inferd/inferd/kernels/cuda/emulation"
)

var flags = []string{"-std=c++17", "-O1", "-g1", "-fPIC", "-Wall", "-Wextra"}

// fast are the flags of what computes: whole models run through it.
var fast = []string{"-O3", "-ffp-contract=off"}

// Build compiles the fake driver and the fake cuBLASLt, or finds those that were built of the same sources, and returns the libraries' paths.
var Build = sync.OnceValues(func() (Libraries, error) { return build(emulation.Folder(), emulation.Cache()) })

// Libraries are the paths of what was built.
type Libraries struct{ Driver, BLAS, Kernels string }

func build(kernels, cache string) (Libraries, error) {
	var built Libraries
	compiler, err := exec.LookPath("g++")
	if err != nil {
		return built, emulation.ErrNoCompiler
	}
	if built.Kernels, err = emulation.Build(); err != nil {
		return built, err
	}
	source := filepath.Join(kernels, "fakedriver", "source")
	bindings := filepath.Join(kernels, "..", "..", "cgo")
	includes := []string{filepath.Join(bindings, "cuda", "include"), filepath.Join(bindings, "cublas"), source, filepath.Join(kernels, "emulation", "source")}
	salt, err := hashHeaders(includes)
	if err != nil {
		return built, err
	}
	options := slices.Clone(flags)
	for _, folder := range includes {
		options = append(options, "-I"+folder)
	}
	objects, err := compile(compiler, source, cache, salt, options)
	if err != nil {
		return built, err
	}
	if built.Driver, err = emulation.Link(compiler, cache, "fakecuda", objects, "-ldl", "-lpthread"); err != nil {
		return built, err
	}
	objects, err = compile(compiler, filepath.Join(source, "blas"), cache, salt, append(options, fast...))
	if err != nil {
		return built, err
	}
	// The driver's path within the library: whoever loads the one gets the very same other.
	built.BLAS, err = emulation.Link(compiler, cache, "fakecublaslt", objects, built.Driver)
	return built, err
}

// compile compiles the sources of a folder.
func compile(compiler, folder, cache, salt string, options []string) ([]string, error) {
	sources, err := filepath.Glob(filepath.Join(folder, "*.cc"))
	if err != nil {
		return nil, err
	}
	return emulation.CompileAll(compiler, sources, cache, salt, options)
}

// hashHeaders hashes everything that a source may include.
func hashHeaders(folders []string) (string, error) {
	hash := sha256.New()
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, _ os.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".h") {
				return err
			}
			content, err := os.ReadFile(path)
			fmt.Fprintf(hash, "%s %d\n%s", filepath.Base(path), len(content), content)
			return err
		})
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
