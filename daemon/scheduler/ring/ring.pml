/* A model of package ring for the checker spin: push, own (wake), disown (park), hand over, full, close.
 *
 * Producers push into a ring of SLOTS slots in the two steps of the code (reserve a position, publish the slot), then try to
 * own. An owner that is a producer pops as a handler does and hands the rest over; the lane goroutine awaits, pops, disowns.
 *
 * Checked in every interleaving:
 *   - each push that succeeded is popped exactly once, and by the owner only (assertions);
 *   - nothing is left lying once everybody waits: the end state has popped == pushed (`watch`), the lost wake-up;
 *   - with -DCLOSE the lane goroutine ends, having popped everything (no invalid end state).
 * -DPLANT leaves the second look out of Disown: spin must then find the lost wake-up. -DPLANT_CLOSE keeps the closed mark
 * apart from the tail: spin must then find a push that succeeds after the ring was drained. */

#define SLOTS 2
#ifndef PRODUCERS
#define PRODUCERS 3
#endif
#ifndef PUSHES
#define PUSHES 1
#endif

byte tail, head;
bool closed;
bool published[SLOTS];   /* sequence == position + 1 */
byte value[SLOTS];
bool owned;
chan baton = [1] of { bit };

byte pushed, popped, finished;
byte seen[PRODUCERS];    /* how many of each producer's pushes were popped */
byte sent[PRODUCERS];
byte owners;
bool laneGone;

/* A slot is free for position p when what was pushed a round ago has been popped. */
#define ROOM (tail - head < SLOTS)
#define PENDING (published[head % SLOTS] || closed)

inline enter() { owners++; assert(owners == 1) }
inline leave() { owners-- }

/* Pop one; got is false where the oldest position is not published. */
inline pop(got) {
	if
	:: atomic { published[head % SLOTS] ->
		seen[value[head % SLOTS]]++;
		assert(seen[value[head % SLOTS]] <= sent[value[head % SLOTS]]);
		published[head % SLOTS] = false; head++; popped++; got = true }
	:: atomic { else -> got = false }
	fi
}

/* Own: a compare-and-swap. */
inline own(mine) {
	atomic { if :: !owned -> owned = true; mine = true :: else -> mine = false fi }
}

/* Disown: free, look, and own again. mine is true where the caller still owns. */
inline disown(mine) {
	leave();
	owned = false;
#ifdef PLANT
	mine = false;
#else
	if
	:: PENDING -> own(mine)
	:: else -> mine = false
	fi;
#endif
	if :: mine -> enter() :: else fi
}

proctype producer(byte id) {
	byte position, i;
	bool mine, got, accepted;
	for (i : 1 .. PUSHES) {
		accepted = false;
#ifdef PLANT_CLOSE
		if
		:: closed -> goto done
		:: else
		fi;
		atomic {
			if
			:: ROOM -> position = tail; tail++; accepted = true
			:: else
			fi
		};
#else
		/* One step, because closed is a bit of the tail that the compare-and-swap covers. */
		atomic {
			if
			:: closed -> goto done
			:: !closed && ROOM -> position = tail; tail++; accepted = true
			:: else
			fi
		};
#endif
		if
		:: accepted ->
			atomic { value[position % SLOTS] = id; sent[id]++; published[position % SLOTS] = true; pushed++ };
			own(mine);
			if
			:: mine ->
				enter();
				/* As a handler: pop some, then hand over or disown. */
				pop(got);
				if
				:: leave(); baton ! 1                     /* work is left over */
				:: disown(mine);
				   if :: mine -> leave(); baton ! 1 :: else fi
				fi
			:: else
			fi
		:: else                                             /* full: refused */
		fi
	}
done:
	finished++
}

proctype lane() {
	bool mine, got;
end_await:
	baton ? _;
	enter();
work:
	do
	:: pop(got); if :: got :: else -> break fi
	od;
	if
	:: closed && head == tail -> goto out                       /* drained: gone, and owns for ever */
	:: closed && head != tail -> goto work                      /* a producer reserved and will publish */
	:: else
	fi;
	disown(mine);
	if :: mine -> goto work :: else -> goto end_await fi;
out:
	laneGone = true
}

#ifdef CLOSE
proctype closer() {
	bool mine;
	closed = true;
	own(mine);
	if :: mine -> enter(); leave(); baton ! 1 :: else fi;
	finished++
}
#endif

/* Nothing else can move. */
active proctype watch() {
	timeout ->
	assert(popped == pushed);
#ifdef CLOSE
	assert(finished == PRODUCERS + 1);
	assert(laneGone);
#else
	assert(finished == PRODUCERS);
#endif
}

init {
	byte i;
	atomic {
		for (i : 0 .. PRODUCERS - 1) { run producer(i) };
		run lane();
#ifdef CLOSE
		run closer();
#endif
	}
}
