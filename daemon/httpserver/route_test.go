package httpserver

import "testing"

func TestParsePath(t *testing.T) {
	cases := []struct {
		path           string
		endpoint       endpoint
		model, version string
	}{
		{"/v2", serverMetadata, "", ""},
		{"/v2/", serverMetadata, "", ""},
		{"/v2/health/live", serverLive, "", ""},
		{"/v2/health/ready", serverReady, "", ""},
		{"/v2/health/other", notFound, "", ""},
		{"/v2/models/a", modelMetadata, "a", ""},
		{"/v2/models/a/versions/3", modelMetadata, "a", "3"},
		{"/v2/models/a/infer", modelInfer, "a", ""},
		{"/v2/models/a/versions/3/infer", modelInfer, "a", "3"},
		{"/v2/models/a/versions/3/ready", modelReady, "a", "3"},
		{"/v2/models/a/config", modelConfig, "a", ""},
		{"/v2/models/a/stats", modelStatistics, "a", ""},
		{"/v2/models/stats", allStatistics, "", ""},
		{"/v2/models/stats/infer", modelInfer, "stats", ""},
		{"/v2/models", notFound, "", ""},
		{"/v2/models/a/versions", notFound, "", ""},
		{"/v2/models/a/infer/more", notFound, "", ""},
		{"/v2/repository/index", repositoryIndex, "", ""},
		{"/v2/repository/main/index", repositoryIndex, "", ""},
		{"/v2/repository/models/a/load", repositoryLoad, "a", ""},
		{"/v2/repository/main/models/a/unload", repositoryUnload, "a", ""},
		{"/v2/repository/models/a/drop", notFound, "", ""},
		{"/v1/models/a", notFound, "", ""},
		{"", notFound, "", ""},
	}
	for _, c := range cases {
		r := parsePath([]byte(c.path))
		if r.endpoint != c.endpoint {
			t.Errorf("%q: endpoint %d, want %d", c.path, r.endpoint, c.endpoint)
			continue
		}
		if c.endpoint != notFound && (string(r.model) != c.model || string(r.version) != c.version) {
			t.Errorf("%q: model %q version %q, want %q %q", c.path, r.model, r.version, c.model, c.version)
		}
	}
}

func TestParsePathAllocatesNothing(t *testing.T) {
	path := []byte("/v2/models/some_model/versions/12/infer")
	if n := testing.AllocsPerRun(100, func() { parsePath(path) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
