package batch

// rungs is the length of the ladder of batch sizes; the last one is 8192 rows.
const rungs = 26

const (
	// retryAfter is how many batches run before a size that took, or is likely to take, too long gets a chance.
	retryAfter = 64
	// An average moves a half towards a shorter duration and a 32nd towards a longer one: what disturbs a run only adds to it.
	shorterShare, longerShare = 2, 32
)

// Ladder returns the largest size at most rows for which programs of batches are made: 1, 2, 3, 4, 6, 8, 12, 16 ...
// Compiling every size would multiply the programs of a model with many shapes.
func Ladder(rows int) int { return size(rung(rows)) }

// size returns the rows of a rung.
func size(rung int) int {
	switch {
	case rung == 0:
		return 1
	case rung%2 == 0:
		return 3 << (rung/2 - 1)
	}
	return 2 << (rung / 2)
}

// rung is the highest one of at most that many rows.
func rung(rows int) int {
	i := 0
	for i+1 < rungs && size(i+1) <= rows {
		i++
	}
	return i
}

// Durations learns how long batches of each size take, for requests of one shape. The duration of a batch does not follow from that of a
// smaller one: a model that is bound by reading its weights takes hardly longer for six rows than for two. The zero value knows nothing.
// It is not safe for concurrent use.
type Durations struct {
	average [rungs]int64 // nanoseconds; 0 where unknown
	bound   int          // the rung that Rows found last
	since   int          // batches since one above the bound ran
}

// Observe notes how long a batch took, in nanoseconds. Sizes between the rungs teach nothing.
func (d *Durations) Observe(rows int, took int64) {
	i := rung(rows)
	if size(i) != rows || took <= 0 {
		return
	}
	switch average := d.average[i]; {
	case average == 0:
		d.average[i] = took
	case took < average:
		d.average[i] -= (average - took) / shorterShare
	default:
		d.average[i] += (took - average) / longerShare
	}
	if d.since++; i > d.bound {
		d.since = 0
	}
}

// Rows returns the most rows, up to a number, that a batch may have in order to run no longer than limit nanoseconds. Beyond what it knows
// it goes as far as proportional durations would allow, or else one rung where that is likely to fit.
func (d *Durations) Rows(most int, limit int64) int {
	top := rung(most)
	d.bound = -1
	for i := range top + 1 {
		if d.average[i] > 0 && d.average[i] <= limit {
			d.bound = i
		}
	}
	switch {
	case d.bound < 0:
		d.bound = 0
		return 1
	case d.bound == top:
		return most
	}
	above := d.bound + 1
	if d.average[above] > 0 {
		if d.since >= retryAfter {
			return min(size(above), most)
		}
		return size(d.bound)
	}
	if d.predict(above) <= limit || d.since >= retryAfter {
		proportional := min(int64(size(d.bound))*limit/d.average[d.bound], int64(most))
		return min(max(size(above), int(proportional)), most)
	}
	return size(d.bound)
}

// predict estimates the duration of the rung above the bound: on a line through the two largest sizes that are known, but not flatter
// than half of proportional, so that a climb does not overshoot by much.
func (d *Durations) predict(above int) int64 {
	at := d.average[d.bound]
	more := int64(size(above) - size(d.bound))
	rise := at * more / int64(2*size(d.bound))
	for i := d.bound - 1; i >= 0; i-- {
		if d.average[i] > 0 {
			rise = max(rise, (at-d.average[i])*more/int64(size(d.bound)-size(i)))
			break
		}
	}
	return at + rise
}
