package onnx

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"

	"github.com/inferd/inferd/daemon/tensor"
)

// externalData reads tensors that lie in files beside the model. os.Root keeps every path, through any symbolic link, in the folder.
type externalData struct {
	root  *os.Root
	files map[string]*externalFile
	// read and size bound what overlapping regions may cost: together at most the size of the files.
	readBytes, fileBytes int64
}

type externalFile struct {
	file    *os.File
	size    int64
	regions map[region][]byte
}

type region struct{ offset, length int64 }

// openExternal returns nil for an empty folder: external data is then refused.
func openExternal(folder string) (*externalData, error) {
	if folder == "" {
		return nil, nil
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("external data: %w", err)
	}
	return &externalData{root: root, files: make(map[string]*externalFile)}, nil
}

func (e *externalData) close() {
	if e == nil {
		return
	}
	for _, f := range e.files {
		f.file.Close()
	}
	e.root.Close()
}

// read returns the size bytes that the entries of a TensorProto name.
func (e *externalData) read(entries map[string]string, size int64) ([]byte, error) {
	location := entries["location"]
	offset, err := entryNumber(entries, "offset", 0)
	if err != nil {
		return nil, err
	}
	length, err := entryNumber(entries, "length", size)
	if err != nil {
		return nil, err
	}
	if length != size {
		return nil, fmt.Errorf("external length is %d, the shape needs %d bytes", length, size)
	}
	f, err := e.open(location)
	if err != nil {
		return nil, fmt.Errorf("external file %q: %w", location, err)
	}
	if offset > f.size || length > f.size-offset {
		return nil, fmt.Errorf("external file %q has %d bytes; offset %d and length %d lie beyond", location, f.size, offset, length)
	}
	at := region{offset, length}
	if data, ok := f.regions[at]; ok {
		return data, nil
	}
	if e.readBytes += length; e.readBytes > e.fileBytes {
		return nil, fmt.Errorf("external file %q: tensors overlap; together they are larger than their files", location)
	}
	data := tensor.New(tensor.Uint8, length).Data
	if _, err := io.ReadFull(io.NewSectionReader(f.file, offset, length), data); err != nil {
		return nil, fmt.Errorf("external file %q at %d: %w", location, offset, err)
	}
	f.regions[at] = data
	return data, nil
}

func entryNumber(entries map[string]string, key string, fallback int64) (int64, error) {
	text, ok := entries[key]
	if !ok {
		return fallback, nil
	}
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil || value < 0 {
		return 0, fmt.Errorf("external %s %q is no count of bytes", key, text)
	}
	return value, nil
}

// open opens a file once. Non-blocking, so that a pipe in the folder cannot hang the load.
func (e *externalData) open(location string) (*externalFile, error) {
	if f, ok := e.files[location]; ok {
		return f, nil
	}
	file, err := e.root.OpenFile(location, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("not a regular file")
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	f := &externalFile{file: file, size: info.Size(), regions: make(map[region][]byte)}
	e.files[location] = f
	e.fileBytes += f.size
	return f, nil
}
