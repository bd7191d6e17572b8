package tensor

import (
	"strings"
	"unsafe"
)

// PackStrings lays the texts out in memory that the garbage collector does not own: a record of StringSize for each, then their bytes. to must
// have room for both and be aligned for pointers.
func PackStrings(to []byte, texts []string) {
	if len(texts) == 0 {
		return
	}
	records := unsafe.Slice((*string)(unsafe.Pointer(unsafe.SliceData(to))), len(texts))
	rest := to[len(texts)*StringSize:]
	for i, text := range texts {
		n := copy(rest, text)
		records[i] = unsafe.String(unsafe.SliceData(rest), n)
		rest = rest[n:]
	}
}

// UnpackStrings copies the texts of the records that fill from.
func UnpackStrings(from []byte) []string {
	records := unsafe.Slice((*string)(unsafe.Pointer(unsafe.SliceData(from))), len(from)/StringSize)
	texts := make([]string, len(records))
	for i, text := range records {
		texts[i] = strings.Clone(text)
	}
	return texts
}

// StringRecords views texts as the bytes of their records, as a String tensor lies in memory.
func StringRecords(texts []string) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(texts))), len(texts)*StringSize)
}
