package httpserver

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/inferd/inferd/daemon/oip"
)

// minCompressed is the size below which compressing a response is not worth its header.
const minCompressed = 256

// body returns the request's body, decompressed within the limit.
func (s *Server) body(ctx *fasthttp.RequestCtx) ([]byte, error) {
	switch encoding := ctx.Request.Header.ContentEncoding(); string(encoding) {
	case "", "identity":
		return ctx.Request.Body(), nil
	case "gzip", "deflate", "zstd":
	default:
		return nil, &oip.Error{Status: fasthttp.StatusNotImplemented, Message: fmt.Sprintf("Content-Encoding %q is not supported: want gzip, deflate or zstd", encoding)}
	}
	body, err := ctx.Request.BodyUncompressedWithLimit(s.options.MaxRequestBytes)
	if errors.Is(err, fasthttp.ErrBodyTooLarge) {
		return nil, &oip.Error{Status: fasthttp.StatusRequestEntityTooLarge, Message: fmt.Sprintf("the request's body is larger than %d bytes once decompressed", s.options.MaxRequestBytes)}
	}
	if err != nil {
		return nil, &oip.Error{Status: fasthttp.StatusBadRequest, Message: fmt.Sprintf("the body is no valid %s: %v", ctx.Request.Header.ContentEncoding(), err)}
	}
	return body, nil
}

// compressors append a compressed body, best first.
var compressors = []struct {
	name     string
	compress func(dst, src []byte) []byte
}{
	{"zstd", fasthttp.AppendZstdBytes},
	{"gzip", fasthttp.AppendGzipBytes},
	{"deflate", fasthttp.AppendDeflateBytes},
}

// compress compresses the response where the client asks for it.
func (s *Server) compress(ctx *fasthttp.RequestCtx) error {
	accepted := ctx.Request.Header.Peek(fasthttp.HeaderAcceptEncoding)
	if len(accepted) == 0 || len(ctx.Response.Body()) < minCompressed {
		return nil
	}
	best, weight := -1, 0.0
	for i, c := range compressors {
		if q := quality(string(accepted), c.name); q > weight {
			best, weight = i, q
		}
	}
	if best < 0 || quality(string(accepted), "identity") > weight {
		return nil
	}
	ctx.Response.SetBody(compressors[best].compress(nil, ctx.Response.Body()))
	ctx.Response.Header.SetContentEncoding(compressors[best].name)
	return nil
}

// quality is the weight that an Accept-Encoding header gives to an encoding named in it (RFC 9110, section 12.5.3); 0 where it is not named.
func quality(header, encoding string) float64 {
	for part := range strings.SplitSeq(header, ",") {
		name, parameters, _ := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(name), encoding) {
			continue
		}
		text, weighted := strings.CutPrefix(strings.TrimSpace(parameters), "q=")
		if !weighted {
			return 1
		}
		q, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return 0
		}
		return q
	}
	return 0
}
