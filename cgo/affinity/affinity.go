// Package affinity tells how many processors this process may use.
//
// In: the scheduler's affinity mask and the control group's CPU quota. Out: a number of threads. It reads files of the kernel and needs no C.
package affinity

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Processors returns how many processors the process may keep busy: those of sched_getaffinity, bounded by the smallest cpu.max (control
// groups v2) on the way to the root, rounded up. It is at least 1.
func Processors() int {
	var set unix.CPUSet
	count := 1
	if err := unix.SchedGetaffinity(0, &set); err == nil {
		count = max(1, set.Count())
	}
	membership, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return count
	}
	if quota, ok := quotaOf("/sys/fs/cgroup", string(membership)); ok {
		count = min(count, max(1, quota))
	}
	return count
}

// quotaOf returns the smallest quota in processors, rounded up, of the control group and its ancestors below mount.
func quotaOf(mount, membership string) (processors int, ok bool) {
	for line := range strings.Lines(membership) {
		group, unified := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !unified {
			continue
		}
		for dir := filepath.Clean("/" + group); ; dir = filepath.Dir(dir) {
			data, err := os.ReadFile(filepath.Join(mount, dir, "cpu.max"))
			if quota, limited := parseCPUMax(string(data)); err == nil && limited && (!ok || quota < processors) {
				processors, ok = quota, true
			}
			if dir == "/" {
				break
			}
		}
	}
	return processors, ok
}

// parseCPUMax reads "QUOTA PERIOD" in microseconds, or "max PERIOD".
func parseCPUMax(text string) (processors int, limited bool) {
	fields := strings.Fields(text)
	if len(fields) != 2 || fields[0] == "max" {
		return 0, false
	}
	quota, err1 := strconv.Atoi(fields[0])
	period, err2 := strconv.Atoi(fields[1])
	if err1 != nil || err2 != nil || quota <= 0 || period <= 0 {
		return 0, false
	}
	return (quota + period - 1) / period, true
}
