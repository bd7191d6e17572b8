package oip

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Error is a failure that a client sees: an HTTP status and a message.
type Error struct {
	Status  int
	Message string
}

func (e *Error) Error() string { return e.Message }

// badRequest returns a 400.
func badRequest(format string, args ...any) error {
	return &Error{Status: 400, Message: fmt.Sprintf(format, args...)}
}

// AppendError appends the body of an error reply, {"error": message}.
func AppendError(body []byte, message string) []byte {
	body = append(body, `{"error":`...)
	body = AppendString(body, message)
	return append(body, '}')
}

// AppendString appends text as a JSON string. Bytes that are not UTF-8 become U+FFFD.
func AppendString[T string | []byte](body []byte, text T) []byte {
	body = append(body, '"')
	for i := 0; i < len(text); {
		c := text[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(string(text[i:min(len(text), i+utf8.UTFMax)]))
			body = utf8.AppendRune(body, r)
			i += size
			continue
		}
		switch {
		case c == '"' || c == '\\':
			body = append(body, '\\', c)
		case c >= ' ':
			body = append(body, c)
		default:
			body = append(body, `\u00`...)
			body = append(body, "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		}
		i++
	}
	return append(body, '"')
}

// appendShape appends [1,2,3].
func appendShape(body []byte, shape []int64) []byte {
	body = append(body, '[')
	for i, dim := range shape {
		if i > 0 {
			body = append(body, ',')
		}
		body = strconv.AppendInt(body, dim, 10)
	}
	return append(body, ']')
}
