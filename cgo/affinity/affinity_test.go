package affinity

import (
	"os"
	"path/filepath"
	"testing"
)

func TestQuota(t *testing.T) {
	mount := t.TempDir()
	group := filepath.Join(mount, "system.slice", "inferd.service")
	if err := os.MkdirAll(group, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(dir, text string) {
		if err := os.WriteFile(filepath.Join(dir, "cpu.max"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	membership := "0::/system.slice/inferd.service\n"
	if _, ok := quotaOf(mount, membership); ok {
		t.Error("a group without cpu.max has a quota")
	}
	write(group, "max 100000\n")
	if _, ok := quotaOf(mount, membership); ok {
		t.Error("max is a quota")
	}
	write(group, "350000 100000\n")
	if n, ok := quotaOf(mount, membership); !ok || n != 4 {
		t.Errorf("350000 of 100000 gives %d processors, want 4", n)
	}
	write(filepath.Dir(group), "150000 100000\n")
	if n, ok := quotaOf(mount, membership); !ok || n != 2 {
		t.Errorf("a parent of 150000 gives %d processors, want 2", n)
	}
	for _, broken := range []string{"", "x y", "-1 100000", "100 0", "1 2 3"} {
		if _, limited := parseCPUMax(broken); limited {
			t.Errorf("%q is a quota", broken)
		}
	}
	if Processors() < 1 {
		t.Error("no processor")
	}
}
