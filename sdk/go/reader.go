// Avro binary, read strictly. It resolves no schemas: Evento sends exactly those of the manifest.

package evento

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"
)

const (
	// nestingMax is the deepest nesting of records, arrays and maps, as Evento allows it.
	nestingMax = 64
	// zeroSizeItemsMax bounds array items that take no byte: their count is not bounded by the bytes there are.
	zeroSizeItemsMax = 65_536
)

// Reader reads Avro values one after the other and checks everything: lengths, counts, indices, UTF-8, nesting.
//
// The first fault is kept and everything after it reads as zero, so generated code reads field after field and asks
// [Reader.Err] at the end. Source: Apache Avro 1.12, "Binary encoding"; function-protocol 8.3 for what is refused.
type Reader struct {
	bytes    []byte
	at       int
	depth    int
	zeroLeft int
	err      error
}

// NewReader reads from the beginning of these bytes. Values that are read never share memory with them.
func NewReader(bytes []byte) *Reader {
	r := new(Reader)
	r.Reset(bytes)
	return r
}

// Reset begins anew with other bytes.
func (r *Reader) Reset(bytes []byte) {
	*r = Reader{bytes: bytes, zeroLeft: zeroSizeItemsMax}
}

// Err is the first fault, if there was one.
func (r *Reader) Err() error { return r.err }

// End is the first fault; bytes that are left over are one.
func (r *Reader) End() error {
	if r.err == nil && r.at < len(r.bytes) {
		r.Fail("%d bytes are left over", len(r.bytes)-r.at)
	}
	return r.err
}

// Left counts the bytes not read yet.
func (r *Reader) Left() int { return len(r.bytes) - r.at }

// Fail keeps a fault, unless there was one before; nothing is read any more.
func (r *Reader) Fail(format string, values ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("at byte %d: %s", r.at, fmt.Sprintf(format, values...))
		r.at = len(r.bytes)
	}
}

// Enter goes one level deeper; false when that is too deep or a fault was found. [Reader.Leave] goes back.
func (r *Reader) Enter() bool {
	if r.depth >= nestingMax {
		r.Fail("values nest deeper than %d", nestingMax)
	}
	r.depth++
	return r.err == nil
}

// Leave ends what [Reader.Enter] began.
func (r *Reader) Leave() { r.depth-- }

// take gives the next bytes, without copying; nil when there are not so many.
func (r *Reader) take(count int) []byte {
	if count > len(r.bytes)-r.at {
		r.Fail("the bytes end in the middle of a value")
		return nil
	}
	taken := r.bytes[r.at : r.at+count]
	r.at += count
	return taken
}

// Bool reads a boolean.
func (r *Reader) Bool() bool {
	taken := r.take(1)
	if taken == nil {
		return false
	}
	if taken[0] > 1 {
		r.Fail("a boolean is 0 or 1, not %d", taken[0])
		return false
	}
	return taken[0] == 1
}

// Long reads a zigzag number of at most 64 bits.
func (r *Reader) Long() int64 {
	if r.at < len(r.bytes) && r.bytes[r.at] < 0x80 {
		b := r.bytes[r.at]
		r.at++
		return int64(b>>1) ^ -int64(b&1)
	}
	n := r.varint(binary.MaxVarintLen64)
	return int64(n>>1) ^ -int64(n&1)
}

// Int reads a zigzag number of at most 32 bits.
func (r *Reader) Int() int32 {
	if r.at < len(r.bytes) && r.bytes[r.at] < 0x80 {
		b := r.bytes[r.at]
		r.at++
		return int32(b>>1) ^ -int32(b&1)
	}
	n := r.varint(binary.MaxVarintLen32)
	if n > math.MaxUint32 {
		r.Fail("a number does not fit an int of 32 bits")
		return 0
	}
	return int32(n>>1) ^ -int32(n&1)
}

func (r *Reader) varint(bytesMax int) uint64 {
	var value uint64
	for index := 0; index < bytesMax; index++ {
		if r.at+index >= len(r.bytes) {
			r.Fail("the bytes end in the middle of a number")
			return 0
		}
		b := r.bytes[r.at+index]
		if index == 9 && b > 1 {
			r.Fail("a number does not fit 64 bits")
			return 0
		}
		value |= uint64(b&0x7f) << (7 * index)
		if b < 0x80 {
			r.at += index + 1
			return value
		}
	}
	r.Fail("a number has more than %d bytes", bytesMax)
	return 0
}

// Float reads 32 bits.
func (r *Reader) Float() float32 {
	if taken := r.take(4); taken != nil {
		return math.Float32frombits(binary.LittleEndian.Uint32(taken))
	}
	return 0
}

// Double reads 64 bits.
func (r *Reader) Double() float64 {
	if taken := r.take(8); taken != nil {
		return math.Float64frombits(binary.LittleEndian.Uint64(taken))
	}
	return 0
}

// view reads a length and so many bytes, without copying.
func (r *Reader) view() []byte {
	length := r.Long()
	if length < 0 || length > int64(len(r.bytes)-r.at) {
		r.Fail("a length of %d bytes where %d are left", length, len(r.bytes)-r.at)
		return nil
	}
	return r.take(int(length))
}

// text reads UTF-8, without copying.
func (r *Reader) text() []byte {
	view := r.view()
	if !utf8.Valid(view) {
		r.Fail("a string is not UTF-8")
		return nil
	}
	return view
}

// Bytes reads a copy of some bytes; never nil.
func (r *Reader) Bytes() []byte { return append([]byte{}, r.view()...) }

// String reads a string.
func (r *Reader) String() string { return string(r.text()) }

// Fixed fills all of target, which is as long as the type says.
func (r *Reader) Fixed(target []byte) { copy(target, r.take(len(target))) }

// Index reads the index of a union branch or an enum symbol; -1 when it is not below count.
func (r *Reader) Index(count int) int {
	index := r.Int()
	if r.err == nil && (index < 0 || int(index) >= count) {
		r.Fail("index %d where there are %d", index, count)
	}
	if r.err != nil {
		return -1
	}
	return int(index)
}

// Blocks reads the head of an array or a map. sizeMin is the least number of bytes that one item takes.
func (r *Reader) Blocks(sizeMin int) Blocks {
	r.Enter()
	return Blocks{reader: r, sizeMin: sizeMin, end: -1}
}

// Blocks goes over the items of an array or a map.
type Blocks struct {
	reader  *Reader
	sizeMin int
	left    int64
	// Where the block ends, if it says so; -1 if not.
	end int
}

// Next says whether there is one more item; then it must be read. After the last it leaves the array or map.
func (b *Blocks) Next() bool {
	for b.left == 0 {
		if !b.head() {
			b.reader.Leave()
			return false
		}
	}
	b.left--
	if b.reader.err != nil {
		b.reader.Leave()
		return false
	}
	return true
}

// head reads the head of the next block; false at the end and after a fault.
func (b *Blocks) head() bool {
	r := b.reader
	if b.end >= 0 && b.end != r.at {
		r.Fail("a block ends here instead of at byte %d", b.end)
	}
	b.end = -1
	count := r.Long()
	if r.err != nil || count == 0 {
		return false
	}
	if count < 0 {
		size := r.Long()
		if count == math.MinInt64 || size < 0 || size > int64(r.Left()) {
			r.Fail("a block of %d bytes where %d are left", size, r.Left())
			return false
		}
		count, b.end = -count, r.at+int(size)
	}
	b.left = count
	return b.fits()
}

// fits compares the count with what the bytes can hold.
func (b *Blocks) fits() bool {
	r := b.reader
	if b.sizeMin > 0 {
		if b.left > int64(r.Left()/b.sizeMin) {
			r.Fail("a block of %d items where %d bytes are left", b.left, r.Left())
		}
		return r.err == nil
	}
	if b.left > int64(r.zeroLeft) {
		r.Fail("more than %d items without any byte", zeroSizeItemsMax)
		return false
	}
	r.zeroLeft -= int(b.left)
	return true
}
