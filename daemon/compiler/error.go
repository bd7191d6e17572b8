package compiler

import "strings"

// maxErrorBytes bounds the text of an error: a hostile file can hold lists of millions of numbers, which errors about them print.
const maxErrorBytes = 2 << 10

// shortError is an error with a shorter text.
type shortError struct {
	text  string
	cause error
}

func (e *shortError) Error() string { return e.text }

// Unwrap returns the error with its whole text.
func (e *shortError) Unwrap() error { return e.cause }

// shortened keeps the beginning of a long text, which says where the error is, and its end, which says what it is.
func shortened(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if len(text) <= maxErrorBytes {
		return err
	}
	const half = maxErrorBytes / 2
	return &shortError{strings.ToValidUTF8(text[:half]+" ... "+text[len(text)-half:], ""), err}
}
