package oip

import (
	"bytes"

	"github.com/inferd/inferd/daemon/tensor"
)

// maxKnownHeader bounds the JSON headers that are remembered. Headers of binary requests are a few hundred bytes.
const maxKnownHeader = 4 << 10

// Decoder decodes one request after another. A client that sends binary tensors of the same shapes again and again sends the same JSON ahead of
// them each time, so the decoder compares it with the last one's before it parses: for a tiny model, parsing is the dearest part of a request.
type Decoder struct {
	Request
	header []byte // JSON that Request was decoded from and still holds; empty where none
	sizes  []int  // of the inputs' binary tensors
	binary int    // their sum
}

// Decode is Request.Decode.
func (d *Decoder) Decode(body []byte, headerLength int) error {
	if len(d.header) > 0 && headerLength == len(d.header) && len(body) == headerLength+d.binary && bytes.Equal(body[:headerLength], d.header) {
		rest := body[headerLength:]
		for i, size := range d.sizes {
			d.Inputs[i].Binary = rest[:size:size]
			rest = rest[size:]
		}
		return nil
	}
	d.header = d.header[:0]
	if err := d.Request.Decode(body, headerLength); err != nil || headerLength < 0 || headerLength > maxKnownHeader {
		return err
	}
	d.sizes, d.binary = d.sizes[:0], 0
	for i := range d.Inputs {
		if d.Inputs[i].JSON != nil {
			return nil
		}
		d.sizes = append(d.sizes, len(d.Inputs[i].Binary))
		d.binary += len(d.Inputs[i].Binary)
	}
	d.header = append(d.header, body[:headerLength]...)
	return nil
}

// SetRaw is Request.SetRaw.
func (d *Decoder) SetRaw(name []byte, dtype tensor.DType, shape []int64, data []byte) {
	d.header = d.header[:0]
	d.Request.SetRaw(name, dtype, shape, data)
}

// Recycle lets go of the body, and of everything else where the header is not kept.
func (d *Decoder) Recycle(size int) {
	if len(d.header) == 0 {
		d.Request.Recycle(size)
		return
	}
	for i := range d.Inputs {
		d.Inputs[i].Binary = nil
	}
}
