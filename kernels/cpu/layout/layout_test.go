package layout

import (
	"reflect"
	"testing"
)

func TestCollapse(t *testing.T) {
	cases := []struct{ in, want Loop }{
		{Loop{[]int64{2, 3, 4}, [][]int64{{12, 4, 1}, {12, 4, 1}}}, Loop{[]int64{24}, [][]int64{{1}, {1}}}},
		{Loop{[]int64{2, 3, 4}, [][]int64{{12, 4, 1}, {0, 0, 1}}}, Loop{[]int64{6, 4}, [][]int64{{4, 1}, {0, 1}}}},
		{Loop{[]int64{1, 1}, [][]int64{{1, 1}}}, Loop{[]int64{1}, [][]int64{{0}}}},
		{Loop{[]int64{2, 1, 5}, [][]int64{{5, 5, 1}, {1, 0, 2}}}, Loop{[]int64{2, 5}, [][]int64{{5, 1}, {1, 2}}}},
	}
	for _, c := range cases {
		if got := Collapse(c.in); !reflect.DeepEqual(got, c.want) {
			t.Errorf("Collapse(%v) = %v, want %v", c.in, got, c.want)
		}
	}
}

func TestBroadcast(t *testing.T) {
	strides, ok := Broadcast([]int64{3, 1}, []int64{2, 3, 4})
	if want := []int64{0, 1, 0}; !ok || !reflect.DeepEqual(strides, want) {
		t.Errorf("got %v, %v, want %v", strides, ok, want)
	}
	if _, ok := Broadcast([]int64{5}, []int64{2, 3}); ok {
		t.Error("shapes that do not fit were accepted")
	}
	if _, ok := Broadcast([]int64{1, 1, 1}, []int64{2, 3}); ok {
		t.Error("a shape of higher rank was accepted")
	}
}
