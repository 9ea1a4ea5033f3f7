// Values of logical types: uuid, date, timestamps. Decimals have a file of their own.

package evento

import (
	"encoding/hex"
	"fmt"
	"sync"
	"time"
)

// readers are kept, since a Reader that is passed to generated code lives on the heap.
var readers = sync.Pool{New: func() any { return new(Reader) }}

// UUID is a value of Avro's logical type uuid. Source: RFC 9562.
type UUID [16]byte

// ParseUUID reads 8-4-4-4-12 hex digits.
func ParseUUID(text string) (UUID, error) {
	var id UUID
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return id, fmt.Errorf("a uuid must look like 123e4567-e89b-12d3-a456-426614174000, not %q", text)
	}
	digits := text[:8] + text[9:13] + text[14:18] + text[19:23] + text[24:]
	if _, err := hex.Decode(id[:], []byte(digits)); err != nil {
		return UUID{}, fmt.Errorf("a uuid must look like 123e4567-e89b-12d3-a456-426614174000, not %q", text)
	}
	return id, nil
}

// String gives 8-4-4-4-12 lower-case hex digits.
func (id UUID) String() string {
	var text [36]byte
	hex.Encode(text[:], id[:4])
	at := 8
	for _, part := range [][]byte{id[4:6], id[6:8], id[8:10], id[10:]} {
		text[at] = '-'
		hex.Encode(text[at+1:], part)
		at += 1 + 2*len(part)
	}
	return string(text[:])
}

// UUID reads a uuid that stands on a string.
func (r *Reader) UUID() UUID {
	text := r.String()
	if r.err != nil {
		return UUID{}
	}
	id, err := ParseUUID(text)
	if err != nil {
		r.Fail("%v", err)
	}
	return id
}

// UUID writes a uuid that stands on a string.
func (w *Writer) UUID(id UUID) { w.name(id.String()) }

// Date is a value of Avro's logical type date: days since 1970-01-01, without a time of day and a zone.
type Date int32

// NewDate gives the date of a year, month and day.
func NewDate(year int, month time.Month, day int) Date {
	return DateOf(time.Date(year, month, day, 0, 0, 0, 0, time.UTC))
}

// DateOf gives the date of a time in the time's own zone.
func DateOf(t time.Time) Date {
	year, month, day := t.Date()
	seconds := time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix()
	return Date(seconds / 86_400)
}

// Time gives midnight of the date, in UTC.
func (d Date) Time() time.Time { return time.Unix(int64(d)*86_400, 0).UTC() }

// String gives the date as 2026-11-23.
func (d Date) String() string { return d.Time().Format(time.DateOnly) }

// TimestampMillis reads milliseconds since 1970; in UTC.
func (r *Reader) TimestampMillis() time.Time { return time.UnixMilli(r.Long()).UTC() }

// TimestampMicros reads microseconds since 1970; in UTC.
func (r *Reader) TimestampMicros() time.Time { return time.UnixMicro(r.Long()).UTC() }

// TimestampMillis writes a time as milliseconds since 1970; what is finer is cut off.
func (w *Writer) TimestampMillis(t time.Time) {
	millis := t.UnixMilli()
	if time.UnixMilli(millis).Unix() != t.Unix() {
		w.Fail("the time %v is outside what milliseconds of 64 bits can say", t)
	}
	w.Long(millis)
}

// TimestampMicros writes a time as microseconds since 1970; what is finer is cut off.
func (w *Writer) TimestampMicros(t time.Time) {
	micros := t.UnixMicro()
	if time.UnixMicro(micros).Unix() != t.Unix() {
		w.Fail("the time %v is outside what microseconds of 64 bits can say", t)
	}
	w.Long(micros)
}
