package emulation

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// ErrNoCompiler says that the kernels cannot be built.
var ErrNoCompiler = errors.New("g++ is not installed: the CUDA kernels cannot be emulated")

// flags of the compiler. Multiply-adds are not fused where the source does not say so: the GPU's compiler does fuse, and tests allow for both. Loops over what
// would be registers are unrolled, so that they become vectors.
var flags = []string{"-std=c++17", "-O2", "-fpeel-loops", "-g1", "-fPIC", "-ffp-contract=off", "-fno-strict-aliasing", "-Wall", "-Wno-unknown-pragmas", "-Wno-unused-function", "-Wno-unused-variable"}

// Build compiles all kernels into a shared library, or finds the one that was built of the same sources, and returns its path.
var Build = sync.OnceValues(func() (string, error) { return build(Folder(), Cache()) })

// Folder is the folder of the kernels' sources, below the root of the module in which a test runs.
func Folder() string {
	folder, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(folder, "go.mod")); missing == nil {
			break
		}
		if folder == filepath.Dir(folder) {
			break
		}
		folder = filepath.Dir(folder)
	}
	return filepath.Join(folder, "kernels", "cuda")
}

// Cache is where built libraries are kept between runs.
func Cache() string {
	if folder, err := os.UserCacheDir(); err == nil {
		return filepath.Join(folder, "inferd", "emulation")
	}
	return filepath.Join(os.TempDir(), "inferd-emulation")
}

func build(folder, cache string) (string, error) {
	sources, err := filepath.Glob(filepath.Join(folder, "*.cu"))
	if err != nil {
		return "", err
	}
	return buildOf(folder, cache, "kernels", sources)
}

// buildOf builds a library of kernels, which include headers of the folder.
func buildOf(folder, cache, name string, sources []string) (string, error) {
	compiler, err := exec.LookPath("g++")
	if err != nil {
		return "", ErrNoCompiler
	}
	headers, err := hashHeaders(folder)
	if err != nil {
		return "", err
	}
	compile := func(sources []string) ([]string, error) {
		return CompileAll(compiler, sources, cache, headers, append(slices.Clone(flags), "-I"+folder))
	}
	own, err := filepath.Glob(filepath.Join(folder, "emulation", "source", "*.cc"))
	if err != nil {
		return "", err
	}
	fibers, err := compile(own)
	if err != nil {
		return "", err
	}
	objects, err := compile(sources)
	if err != nil {
		return "", err
	}
	// The fibers have a library of their own: pointers that belong to a thread are fast only in a library with few bytes for each thread, and kernels'
	// shared memory is many.
	scheduler, err := Link(compiler, cache, "fibers", fibers)
	if err != nil {
		return "", err
	}
	return Link(compiler, cache, name, objects, scheduler)
}

// CompileAll is Compile for many sources, as many at a time as there are processors.
func CompileAll(compiler string, sources []string, cache, salt string, options []string) ([]string, error) {
	objects, failures := make([]string, len(sources)), make([]error, len(sources))
	var group sync.WaitGroup
	slots := make(chan struct{}, runtime.NumCPU())
	for i, source := range sources {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			objects[i], failures[i] = Compile(compiler, source, cache, salt, options...)
		})
	}
	group.Wait()
	return objects, errors.Join(failures...)
}

// hashHeaders hashes everything that a source may include.
func hashHeaders(folder string) (string, error) {
	hash := sha256.New()
	for _, pattern := range []string{"*.cuh", "emulation/source/*.h"} {
		files, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil {
			return "", err
		}
		slices.Sort(files)
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(hash, "%s %d\n%s", filepath.Base(file), len(content), content)
		}
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// Compile compiles one C++ source to an object file in the cache, unless one of the same content is there. Salt names what else it depends on.
func Compile(compiler, source, cache, salt string, flags ...string) (object string, err error) {
	content, err := os.ReadFile(source)
	if err != nil {
		return "", err
	}
	name := strings.TrimSuffix(filepath.Base(source), filepath.Ext(source))
	object = filepath.Join(cache, fmt.Sprintf("%s-%s.o", name, digest(string(content), salt, strings.Join(flags, " "))))
	return object, once(object, func(to string) error {
		return execute(compiler, append(slices.Clone(flags), "-x", "c++", "-c", source, "-o", to)...)
	})
}

// Link makes a shared library of object files, unless it is in the cache.
func Link(compiler, cache, name string, objects []string, flags ...string) (string, error) {
	library := filepath.Join(cache, fmt.Sprintf("lib%s-%s.so", name, digest(strings.Join(objects, " "), strings.Join(flags, " "))))
	return library, once(library, func(to string) error {
		return execute(compiler, slices.Concat([]string{"-shared", "-o", to}, objects, flags)...)
	})
}

func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:12])
}

// once makes a file where it does not exist. It appears whole or not at all, so that processes may race.
func once(path string, create func(to string) error) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	aside, err := os.MkdirTemp(filepath.Dir(path), "building")
	if err != nil {
		return err
	}
	defer os.RemoveAll(aside)
	to := filepath.Join(aside, filepath.Base(path))
	if err := create(to); err != nil {
		return err
	}
	return os.Rename(to, path)
}

func execute(compiler string, arguments ...string) error {
	output, err := exec.Command(compiler, arguments...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", compiler, strings.Join(arguments, " "), err, output)
	}
	return nil
}
