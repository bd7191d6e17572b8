// Command report renders the figures in bench/results to bench/RESULTS.md, and the main ones into README.md. It runs in the repository's root.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	check := flag.Bool("check", false, "write nothing; fail where a file is stale")
	root := flag.String("root", ".", "folder of the repository")
	flag.Parse()
	if err := run(*root, *check); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

func run(root string, check bool) error {
	figures, err := read(filepath.Join(root, "bench", "results"))
	if err != nil {
		return err
	}
	readme := filepath.Join(root, "README.md")
	text, err := os.ReadFile(readme)
	if err != nil {
		return err
	}
	text, err = replaceBlock(text, summary(figures))
	if err != nil {
		return fmt.Errorf("%s: %w", readme, err)
	}
	return errors.Join(
		update(filepath.Join(root, "bench", "RESULTS.md"), document(figures), check),
		update(readme, text, check),
	)
}

// update writes the file, or says that its content is another.
func update(path string, content []byte, check bool) error {
	if !check {
		return os.WriteFile(path, content, 0o644)
	}
	found, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !bytes.Equal(found, content) {
		return fmt.Errorf("%s is stale: run make generate", path)
	}
	return nil
}

const (
	blockBegin = "<!-- figures: written by bench/report, do not edit -->\n"
	blockEnd   = "<!-- end of figures -->"
)

// replaceBlock puts the content between the two marks.
func replaceBlock(text, content []byte) ([]byte, error) {
	before, rest, begun := bytes.Cut(text, []byte(blockBegin))
	_, after, ended := bytes.Cut(rest, []byte(blockEnd))
	if !begun || !ended {
		return nil, fmt.Errorf("the marks %q and %q are missing", blockBegin, blockEnd)
	}
	return bytes.Join([][]byte{before, []byte(blockBegin), content, []byte(blockEnd), after}, nil), nil
}
