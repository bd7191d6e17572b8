package repository

import (
	"fmt"
	"strings"
)

// maxConfigDepth bounds the nesting of messages.
const maxConfigDepth = 16

// field is one field of a protobuf message in text form. A list gives one field for each element.
type field struct {
	name    string
	line    int
	value   string // a scalar, without its quotes
	message bool
	fields  []field // of a message
}

// textParser reads protobuf's text form without a schema.
type textParser struct {
	text string
	at   int
	line int
}

// parseText returns the fields of a message in text form.
func parseText(text string) ([]field, error) {
	p := &textParser{text: text, line: 1}
	if at := strings.IndexByte(text, 0); at >= 0 {
		p.line += strings.Count(text[:at], "\n")
		return nil, p.errorf("a zero byte is no text")
	}
	return p.fields(0, 0)
}

// fields reads up to the closing character; 0 means the end of the text.
func (p *textParser) fields(closing byte, depth int) ([]field, error) {
	if depth > maxConfigDepth {
		return nil, p.errorf("messages are nested deeper than %d", maxConfigDepth)
	}
	var list []field
	for {
		p.skipSpace()
		switch c := p.peek(); {
		case c == closing:
			p.at++
			return list, nil
		case c == 0:
			return nil, p.errorf("the text ends within a message, %q is missing", closing)
		case c == ',' || c == ';':
			p.at++
			continue
		}
		name := p.word()
		if name == "" {
			return nil, p.errorf("found %q, want the name of a field", p.peek())
		}
		var err error
		if list, err = p.values(list, name, depth); err != nil {
			return nil, err
		}
	}
}

// values reads what follows a field's name: a scalar, a message, or a list of either.
func (p *textParser) values(list []field, name string, depth int) ([]field, error) {
	p.skipSpace()
	colon := p.peek() == ':'
	if colon {
		p.at++
		p.skipSpace()
	}
	if p.peek() != '[' {
		f, err := p.value(name, colon, depth)
		return append(list, f), err
	}
	p.at++
	for {
		p.skipSpace()
		switch p.peek() {
		case ']':
			p.at++
			return list, nil
		case ',':
			p.at++
		default:
			f, err := p.value(name, true, depth)
			if err != nil {
				return nil, err
			}
			list = append(list, f)
		}
	}
}

func (p *textParser) value(name string, scalar bool, depth int) (field, error) {
	f := field{name: name, line: p.line}
	switch c := p.peek(); {
	case c == '{' || c == '<':
		p.at++
		f.message = true
		closing := byte('}')
		if c == '<' {
			closing = '>'
		}
		var err error
		f.fields, err = p.fields(closing, depth+1)
		return f, err
	case !scalar:
		return f, p.errorf("field %q is followed by %q, want ':' or '{'", name, c)
	case c == '"' || c == '\'':
		end := strings.IndexByte(p.text[p.at+1:], c)
		if end < 0 || strings.Contains(p.text[p.at+1:p.at+1+end], "\n") {
			return f, p.errorf("field %q: a string without its end", name)
		}
		f.value = p.text[p.at+1 : p.at+1+end]
		p.at += end + 2
		return f, nil
	}
	if f.value = p.word(); f.value == "" {
		return f, p.errorf("field %q has no value", name)
	}
	return f, nil
}

// word reads a name, a number or an enumerator.
func (p *textParser) word() string {
	start := p.at
	for p.at < len(p.text) {
		c := p.text[p.at]
		if c != '_' && c != '-' && c != '+' && c != '.' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			break
		}
		p.at++
	}
	return p.text[start:p.at]
}

// skipSpace passes white space and comments.
func (p *textParser) skipSpace() {
	for p.at < len(p.text) {
		switch c := p.text[p.at]; c {
		case '\n':
			p.line++
			p.at++
		case ' ', '\t', '\r':
			p.at++
		case '#':
			for p.at < len(p.text) && p.text[p.at] != '\n' {
				p.at++
			}
		default:
			return
		}
	}
}

// peek returns the next byte, 0 at the end of the text.
func (p *textParser) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *textParser) errorf(format string, args ...any) error {
	return fmt.Errorf("line %d: %s", p.line, fmt.Sprintf(format, args...))
}
