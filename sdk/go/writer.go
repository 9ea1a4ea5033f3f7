// Avro binary, written canonically.

package evento

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"unicode/utf8"
)

// Writer appends Avro values in their canonical bytes: shortest numbers, one block, sorted map keys, one NaN.
//
// The first value that cannot be written is kept as the error, which [Writer.Err] tells; generated code writes field
// after field. Source: Apache Avro 1.12, "Binary encoding"; function-protocol 8.3, "Canonical bytes".
type Writer struct {
	bytes []byte
	depth int
	err   error
}

// Reset begins anew and keeps the memory.
func (w *Writer) Reset() { *w = Writer{bytes: w.bytes[:0]} }

// Bytes are what was written; they are valid until the next Reset.
func (w *Writer) Bytes() []byte { return w.bytes }

// Err is the first value that could not be written.
func (w *Writer) Err() error { return w.err }

// Fail keeps a fault, unless there was one before.
func (w *Writer) Fail(format string, values ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, values...)
	}
}

// Enter goes one level deeper; false when that is too deep, as it is when a value holds itself.
func (w *Writer) Enter() bool {
	if w.depth >= nestingMax {
		w.Fail("values nest deeper than %d", nestingMax)
	}
	w.depth++
	return w.err == nil
}

// Leave ends what [Writer.Enter] began.
func (w *Writer) Leave() { w.depth-- }

// Bool writes a boolean.
func (w *Writer) Bool(value bool) {
	if value {
		w.bytes = append(w.bytes, 1)
	} else {
		w.bytes = append(w.bytes, 0)
	}
}

// Long writes a zigzag number.
func (w *Writer) Long(value int64) { w.bytes = binary.AppendVarint(w.bytes, value) }

// Int writes a zigzag number.
func (w *Writer) Int(value int32) { w.bytes = binary.AppendVarint(w.bytes, int64(value)) }

// Float writes 32 bits; every NaN as the one.
func (w *Writer) Float(value float32) {
	bits := math.Float32bits(value)
	if value != value {
		bits = 0x7fc00000
	}
	w.bytes = binary.LittleEndian.AppendUint32(w.bytes, bits)
}

// Double writes 64 bits; every NaN as the one.
func (w *Writer) Double(value float64) {
	bits := math.Float64bits(value)
	if value != value {
		bits = 0x7ff8000000000000
	}
	w.bytes = binary.LittleEndian.AppendUint64(w.bytes, bits)
}

// PutBytes writes a length and the bytes.
func (w *Writer) PutBytes(value []byte) {
	w.Long(int64(len(value)))
	w.bytes = append(w.bytes, value...)
}

// String writes a string, which must be UTF-8.
func (w *Writer) String(value string) {
	if !utf8.ValidString(value) {
		w.Fail("a string is not UTF-8: %q", value)
	}
	w.name(value)
}

// name writes a string that is known to be UTF-8.
func (w *Writer) name(value string) {
	w.Long(int64(len(value)))
	w.bytes = append(w.bytes, value...)
}

// Fixed writes bytes without a length.
func (w *Writer) Fixed(value []byte) { w.bytes = append(w.bytes, value...) }

// Index writes the index of a union branch or an enum symbol.
func (w *Writer) Index(index int) { w.Long(int64(index)) }

// Begin writes the head of an array or map of so many items; [Writer.End] follows the items.
func (w *Writer) Begin(count int) {
	w.Enter()
	if count > 0 {
		w.Long(int64(count))
	}
}

// End ends an array or a map.
func (w *Writer) End() {
	w.Leave()
	w.bytes = append(w.bytes, 0)
}

// SortedKeys are a map's keys in the order they are written in: that of their UTF-8 bytes.
func SortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// Put puts an entry into a map that is being read; a key that is there already is a fault.
func Put[V any](r *Reader, m map[string]V, key string, value V) {
	if _, is := m[key]; is {
		r.Fail("the key %q is there twice", key)
	}
	m[key] = value
}

// Some gives a pointer to a value, for fields that may be null.
func Some[T any](value T) *T { return &value }
