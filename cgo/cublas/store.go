//go:build cuda

package cublas

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

// store keeps choices in a file of JSON lines, so that a start does not pay for what an earlier one found out.
type store struct {
	path    string // empty: nothing is kept
	library int
	device  string
	log     *slog.Logger
	known   map[string]record
	replace bool // the file holds what is not to be used
}

// record is a choice as it is stored.
type record struct {
	Algorithm   string `json:"algorithm"` // the library's bytes in hexadecimal
	Workspace   int64  `json:"workspace"`
	Candidates  int    `json:"candidates"`
	Nanoseconds int64  `json:"nanoseconds"`
}

// line is one line of the file. Algorithms are good for one version of the library on one kind of device.
type line struct {
	Library int    `json:"library"`
	Device  string `json:"device"`
	Product string `json:"product"`
	record
}

// mostBytes is more than a file of choices ever has.
const mostBytes = 64 << 20

// openStore reads the file. What is wrong with it is logged and otherwise ignored: choices can be made anew.
func openStore(path string, library int, device string, log *slog.Logger) *store {
	s := &store{path: path, library: library, device: device, log: log, known: make(map[string]record)}
	if path == "" {
		return s
	}
	stale, err := s.read()
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		clear(s.known)
		s.replace = true
		log.Warn("a file of cuBLASLt algorithms is ignored and will be replaced", "file", path, "error", err)
	case stale > 0:
		s.replace = true
		log.Info("choices of cuBLASLt algorithms are ignored: they are of another version of the library or another device", "file", path, "choices", stale)
	}
	return s
}

// read takes the lines that are for this library and device, and counts the others.
func (s *store) read() (stale int, err error) {
	if info, err := os.Stat(s.path); err != nil {
		return 0, err
	} else if info.Size() > mostBytes {
		return 0, fmt.Errorf("it has %d bytes", info.Size())
	}
	data, err := os.ReadFile(s.path)
	if err != nil {
		return 0, err
	}
	for number, text := range bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n")) {
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return 0, fmt.Errorf("line %d: %w", number+1, err)
		}
		if l.Library != s.library || l.Device != s.device {
			stale++
			continue
		}
		s.known[l.Product] = l.record
	}
	return stale, nil
}

func (s *store) find(product string) (record, bool) {
	r, ok := s.known[product]
	return r, ok
}

// add keeps a choice. A file that cannot be written is given up, with one line in the log.
func (s *store) add(product string, r record) {
	s.known[product] = r
	if s.path == "" {
		return
	}
	write := s.append
	if s.replace {
		write = s.rewrite
	}
	if err := write(product, r); err != nil {
		s.log.Warn("choices of cuBLASLt algorithms are not stored", "file", s.path, "error", err)
		s.path = ""
		return
	}
	s.replace = false
}

func (s *store) append(product string, r record) error {
	file, err := os.OpenFile(s.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(s.line(product, r))
	return errors.Join(err, file.Close())
}

// rewrite replaces the file, in one step, by all that is known.
func (s *store) rewrite(string, record) error {
	file, err := os.CreateTemp(filepath.Dir(s.path), filepath.Base(s.path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	for product, r := range s.known {
		if _, err := file.Write(s.line(product, r)); err != nil {
			return errors.Join(err, file.Close())
		}
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), s.path)
}

func (s *store) line(product string, r record) []byte {
	data, err := json.Marshal(line{s.library, s.device, product, r})
	if err != nil {
		panic(err) // numbers and strings
	}
	return append(data, '\n')
}
