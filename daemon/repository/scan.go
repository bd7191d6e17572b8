package repository

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

const (
	modelFile  = "model.onnx"
	configFile = "config.pbtxt"
	extension  = ".onnx"
)

// foundModel is what the folder holds under one model's name.
type foundModel struct {
	config   *Config
	versions []foundVersion // ascending
}

type foundVersion struct {
	number       int64
	path, folder string
	fingerprint  string
	wanted       bool // by the version policy
}

// scan returns the names of the models in the folder, sorted. Names that no model can have are passed over.
func scan(root string) ([]string, error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, fmt.Errorf("model folder: %w", err)
	}
	var names []string
	for _, entry := range entries {
		name := entry.Name()
		if info, err := os.Stat(filepath.Join(root, name)); err != nil {
			continue // gone again, or a link to nothing
		} else if !info.IsDir() {
			bare, ok := strings.CutSuffix(name, extension)
			if !ok || !info.Mode().IsRegular() {
				continue
			}
			name = bare
		}
		if CheckName(name) == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// inspect looks at one model's files. It returns ErrNoModel where there are none.
func inspect(root, name string) (*foundModel, error) {
	folder, bare := filepath.Join(root, name), filepath.Join(root, name+extension)
	info, err := os.Stat(folder)
	if err == nil && info.IsDir() {
		if err := within(root, folder); err != nil {
			return nil, err
		}
		return inspectFolder(root, folder)
	}
	info, err = os.Stat(bare)
	if err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w %q", ErrNoModel, name)
	}
	if err := within(root, bare); err != nil {
		return nil, err
	}
	return &foundModel{config: new(Config), versions: []foundVersion{
		{number: 1, path: bare, folder: "", fingerprint: fingerprint(info), wanted: true},
	}}, nil
}

// within refuses links that lead out of the model folder.
func within(root, path string) error {
	realRoot, err := filepath.EvalSymlinks(root)
	if err != nil {
		return err
	}
	realPath, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	relative, err := filepath.Rel(realRoot, realPath)
	if err != nil || relative == ".." || strings.HasPrefix(relative, ".."+string(filepath.Separator)) {
		return fmt.Errorf("%s is a link that leads out of the model folder", path)
	}
	return nil
}

func inspectFolder(root, folder string) (*foundModel, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	found := &foundModel{config: new(Config)}
	configPrint := ""
	for _, entry := range entries {
		path := filepath.Join(folder, entry.Name())
		if entry.Name() == configFile {
			if found.config, configPrint, err = readConfig(path); err != nil {
				return nil, err
			}
			continue
		}
		number, ok := versionNumber(entry.Name())
		if info, err := os.Stat(path); !ok || err != nil || !info.IsDir() {
			continue
		}
		file := filepath.Join(path, modelFile)
		if err := within(root, file); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			return nil, err
		}
		found.versions = append(found.versions, foundVersion{number: number, path: file, folder: path, fingerprint: folderFingerprint(path)})
	}
	slices.SortFunc(found.versions, func(a, b foundVersion) int { return int(max(-1, min(1, a.number-b.number))) })
	for i := range found.versions {
		found.versions[i].wanted = found.config.wants(found.versions[i].number, len(found.versions)-i)
		found.versions[i].fingerprint += configPrint
	}
	return found, nil
}

// versionNumber reads a folder's name as a version: a positive decimal number without leading zeros.
func versionNumber(name string) (int64, bool) {
	number, err := strconv.ParseInt(name, 10, 64)
	return number, err == nil && number > 0 && strconv.FormatInt(number, 10) == name
}

// fingerprint changes whenever the file is written or replaced.
func fingerprint(info fs.FileInfo) string {
	inode := uint64(0)
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		inode = stat.Ino
	}
	return fmt.Sprintf("%s:%d:%d:%d;", info.Name(), info.Size(), info.ModTime().UnixNano(), inode)
}

// folderFingerprint covers every file of a version, external data too.
func folderFingerprint(folder string) string {
	var text strings.Builder
	// What cannot be read is left out here and is an error when it is loaded.
	_ = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil
		}
		if info, err := os.Stat(path); err == nil {
			text.WriteString(fingerprint(info))
		}
		return nil
	})
	return text.String()
}
