package onnx

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/inferd/inferd/daemon/tensor"
)

// externalWeight is an initialiser of count float32 elements in a file; entries alternate keys and values.
func externalWeight(name string, count int64, entries ...string) []byte {
	proto := joined(bytesField(8, name), varintField(1, count), varintField(2, 1), varintField(14, 1))
	for i := 0; i < len(entries); i += 2 {
		proto = append(proto, bytesField(13, bytesField(1, entries[i]), bytesField(2, entries[i+1]))...)
	}
	return initializer(proto)
}

// externalFolder holds weights.bin (16 bytes) in a model folder, and secret.bin beside the folder.
func externalFolder(t *testing.T) string {
	t.Helper()
	outer := t.TempDir()
	folder := filepath.Join(outer, "model")
	data := tensor.FromSlice([]float32{1, 2, 3, 4}, 4).Data
	for _, err := range []error{
		os.Mkdir(folder, 0o755),
		os.Mkdir(filepath.Join(folder, "sub"), 0o755),
		os.WriteFile(filepath.Join(folder, "weights.bin"), data, 0o644),
		os.WriteFile(filepath.Join(outer, "secret.bin"), data, 0o644),
		os.Symlink("../secret.bin", filepath.Join(folder, "escape.bin")),
		os.Symlink("../weights.bin", filepath.Join(folder, "sub", "inside.bin")),
		syscall.Mkfifo(filepath.Join(folder, "pipe"), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func TestExternalData(t *testing.T) {
	folder := externalFolder(t)
	data := modelOf(externalWeight("w", 2, "location", "weights.bin", "offset", "8", "length", "8"),
		externalWeight("again", 2, "location", "weights.bin", "offset", "8"), externalWeight("linked", 4, "location", "sub/inside.bin"), output("w"))
	g, _, err := Parse(data, Options{Folder: folder})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(folder, "weights.bin"), 0); err != nil { // nothing may read the file any more
		t.Fatal(err)
	}
	if got := tensor.Slice[float32](g.Outputs[0].Constant); got[0] != 3 || got[1] != 4 {
		t.Errorf("got %v, want 3 and 4", got)
	}
}

func TestExternalDataErrors(t *testing.T) {
	folder := externalFolder(t)
	for name, test := range map[string]struct {
		parts [][]byte
		want  string
	}{
		"parent":        {[][]byte{externalWeight("w", 4, "location", "../secret.bin")}, "escapes"},
		"absolute":      {[][]byte{externalWeight("w", 4, "location", filepath.Join(filepath.Dir(folder), "secret.bin"))}, "escapes"},
		"symbolic link": {[][]byte{externalWeight("w", 4, "location", "escape.bin")}, "escapes"},
		"missing":       {[][]byte{externalWeight("w", 4, "location", "none.bin")}, "no such file"},
		"no location":   {[][]byte{externalWeight("w", 4)}, `external file ""`},
		"pipe":          {[][]byte{externalWeight("w", 4, "location", "pipe")}, "not a regular file"},
		"folder":        {[][]byte{externalWeight("w", 4, "location", "sub")}, "not a regular file"},
		"beyond":        {[][]byte{externalWeight("w", 4, "location", "weights.bin", "offset", "1")}, "lie beyond"},
		"overflow":      {[][]byte{externalWeight("w", 4, "location", "weights.bin", "offset", "9223372036854775807")}, "lie beyond"},
		"negative":      {[][]byte{externalWeight("w", 4, "location", "weights.bin", "offset", "-8")}, "no count of bytes"},
		"length":        {[][]byte{externalWeight("w", 4, "location", "weights.bin", "length", "8")}, "the shape needs 16 bytes"},
		"huge":          {[][]byte{externalWeight("w", 1<<50, "location", "weights.bin")}, "lie beyond"},
		"overlap": {[][]byte{externalWeight("a", 3, "location", "weights.bin"), externalWeight("b", 3, "location", "weights.bin", "offset", "4"),
			externalWeight("w", 4, "location", "weights.bin")}, "tensors overlap"},
	} {
		_, _, err := Parse(modelOf(append(test.parts, output("w"))...), Options{Folder: folder})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want ...%s...", name, err, test.want)
		}
	}
}
