package resize

import (
	"fmt"
	"math"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// Mode is how an element of the output comes about.
type Mode int

// The modes.
const (
	Nearest Mode = iota
	Linear
	Cubic
)

// Resize describes ONNX's Resize of X [Outer, Height, Width, Channels] along height and width.
type Resize struct {
	Mode             Mode
	Coordinates      string  // coordinate_transformation_mode
	Nearest          string  // nearest_mode, read by the mode Nearest alone
	CubicCoefficient float32 // read by the mode Cubic alone
	Antialias        bool    // an axis that shrinks is filtered first
	ExcludeOutside   bool    // elements beyond the ends do not count, instead of repeating those at the ends
	Outer, Channels  int
	Height, Width    Axis
}

// Plan is a resize with its tables.
type Plan struct {
	step   step.Step
	tables *tables
}

const (
	limit        = 1 << 30 // of every size, so that products of two fit
	floatLimit   = 1 << 40 // of a tensor
	scratchLimit = 64 << 20
	wantedTiles  = 16 // how many tiles a step should have, so that a few threads end at about the same time
)

// New computes the tables and plans the step.
func (r Resize) New(level isa.Level) (*Plan, error) {
	for _, size := range [...]int{r.Outer, r.Channels} {
		if size < 1 || size > limit {
			return nil, fmt.Errorf("resizing: %d images of %d channels, want 1 to %d", r.Outer, r.Channels, limit)
		}
	}
	rows, err := r.tapsOf(r.Height)
	if err != nil {
		return nil, err
	}
	columns, err := r.tapsOf(r.Width)
	if err != nil {
		return nil, err
	}
	outputs := float64(r.Outer) * float64(r.Height.Output) * float64(r.Width.Output) * float64(r.Channels)
	inputs := float64(r.Outer) * float64(r.Height.Input) * float64(r.Width.Input) * float64(r.Channels)
	if max(outputs, inputs) > floatLimit {
		return nil, fmt.Errorf("resizing: a tensor of %.3g elements is too large", max(outputs, inputs))
	}
	p := &Plan{tables: pack(level, rows, columns, r.Channels == 1, r.Width.Input)}
	p.step.CostNS = cost(level, inputs+outputs*math.Sqrt(float64(rows.count*columns.count)))
	switch {
	case r.Mode == Nearest:
		p.step.Kernel = nearestKernel(level)
	case r.Channels > 1:
		p.step.Kernel = pixelsKernel(level)
	default:
		p.step.Kernel = planesKernel(level)
		// Lines of weighted columns, then their addresses and the numbers of their rows.
		line := (r.Width.Output + level.Lanes() - 1) / level.Lanes() * level.Lanes()
		p.step.ScratchBytes = int64(rows.count) * int64(4*line+8+8)
		if p.step.ScratchBytes > scratchLimit {
			return nil, fmt.Errorf("resizing: %d lines of %d positions need too much memory", rows.count, line)
		}
	}
	r.setParameters(p, rows.count, columns.count)
	return p, nil
}

// setParameters fills in what the kernels read.
func (r Resize) setParameters(p *Plan, rowTaps, columnTaps int) {
	rows := r.Outer * r.Height.Output
	rowBlock := (rows + wantedTiles - 1) / wantedTiles
	p.step.Tiles = int64((rows + rowBlock - 1) / rowBlock)
	for parameter, value := range map[int]int{
		parameterHeight: r.Height.Input, parameterWidth: r.Width.Input, parameterChannels: r.Channels, parameterOutputHeight: r.Height.Output,
		parameterOutputWidth: r.Width.Output, parameterRowTaps: rowTaps, parameterColumnTaps: columnTaps, parameterRows: rows, parameterRowBlock: rowBlock,
		parameterRowIndex: p.tables.rowIndex, parameterRowWeight: p.tables.rowWeight, parameterColumnIndex: p.tables.columnIndex,
		parameterColumnWeight: p.tables.columnWeight, parameterColumnFirst: p.tables.columnFirst, parameterColumnVectors: p.tables.columnVectors,
	} {
		p.step.Parameter[parameter] = int64(value)
	}
}

// Tables are the bytes that the step reads as its tables, to be copied to C memory, aligned to 64 bytes.
func (p *Plan) Tables() []byte { return p.tables.bytes }

// Step returns the step for operands at their places.
func (p *Plan) Step(input, tables, output step.Operand) step.Step {
	s := p.step
	s.Operand[operandInput], s.Operand[operandTables], s.Operand[operandOutput] = input, tables, output
	return s
}

// cost estimates the nanoseconds of one thread that moves so many floats.
func cost(level isa.Level, floats float64) int64 {
	return int64(floats/float64(level.Lanes())*0.8) + 50
}
