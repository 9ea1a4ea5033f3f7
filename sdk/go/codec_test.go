// The codec: what is refused, what is canonical.

package evento

import (
	"bytes"
	"encoding/hex"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	decoded, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

func TestMalformedBytesAreRefusedWithWords(t *testing.T) {
	longs := func(r *Reader) {
		for b := r.Blocks(1); b.Next(); {
			r.Long()
		}
	}
	nothing := func(r *Reader) {
		for b := r.Blocks(0); b.Next(); {
			continue
		}
	}
	cases := []struct {
		name, bytes string
		read        func(*Reader)
		words       string
	}{
		{"a boolean of 2", "02", func(r *Reader) { r.Bool() }, "a boolean is 0 or 1"},
		{"no byte", "", func(r *Reader) { r.Bool() }, "end in the middle"},
		{"a cut number", "80", func(r *Reader) { r.Long() }, "end in the middle of a number"},
		{"eleven bytes", "8080808080808080808001", func(r *Reader) { r.Long() }, "64 bits"},
		{"65 bits", "ffffffffffffffffff02", func(r *Reader) { r.Long() }, "64 bits"},
		{"33 bits", "8080808010", func(r *Reader) { r.Int() }, "32 bits"},
		{"six bytes", "808080808001", func(r *Reader) { r.Int() }, "more than 5 bytes"},
		{"a negative length", "01", func(r *Reader) { r.Bytes() }, "a length of -1"},
		{"too long", "0461", func(r *Reader) { _ = r.String() }, "a length of 2 bytes where 1 are left"},
		{"a huge length", "feffffffffffffffff01", func(r *Reader) { _ = r.String() }, "a length of 9223372036854775807"},
		{"no UTF-8", "02ff", func(r *Reader) { _ = r.String() }, "not UTF-8"},
		{"a surrogate", "06eda080", func(r *Reader) { _ = r.String() }, "not UTF-8"},
		{"a branch too high", "04", func(r *Reader) { r.Index(2) }, "index 2 where there are 2"},
		{"a branch below", "01", func(r *Reader) { r.Index(2) }, "index -1"},
		{"too many items", "0a02", longs, "a block of 5 items where 1 bytes are left"},
		{"a block without end", "0202", longs, "end in the middle"},
		{"a block that is shorter than it says", "01060204 00", longs, "a block ends here instead of at byte 5"},
		{"a block of negative size", "010102 00", longs, "a block of -1 bytes"},
		{"the lowest count", "ffffffffffffffffff01 00", longs, "a block of 0 bytes"},
		{"items without bytes", "82800800", nothing, "more than 65536 items"},
		{"no uuid", "06616263", func(r *Reader) { r.UUID() }, "a uuid must look like"},
		{"too many digits", "0403e8", func(r *Reader) { r.Decimal(3, 0) }, "more than 3 digits"},
		{"left over", "0000", func(r *Reader) { r.Long() }, "1 bytes are left over"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := NewReader(unhex(t, c.bytes))
			c.read(r)
			if err := r.End(); err == nil || !strings.Contains(err.Error(), c.words) {
				t.Fatalf("%v", err)
			}
		})
	}
}

func TestSeveralBlocksAreOneList(t *testing.T) {
	r, got := NewReader(unhex(t, "04 02 04 01 02 06 00")), []int64{}
	for b := r.Blocks(1); b.Next(); {
		got = append(got, r.Long())
	}
	if r.End() != nil || len(got) != 3 || got[0] != 1 || got[1] != 2 || got[2] != 3 {
		t.Fatalf("%v, %v", got, r.Err())
	}
}

func TestNestingHasABound(t *testing.T) {
	var deep func(r *Reader, levels int)
	deep = func(r *Reader, levels int) {
		if r.Enter() && levels > 1 {
			deep(r, levels-1)
		}
		r.Leave()
	}
	for levels, fine := range map[int]bool{64: true, 65: false} {
		r := NewReader(nil)
		if deep(r, levels); (r.End() == nil) != fine {
			t.Errorf("%d levels: %v", levels, r.Err())
		}
	}
}

func TestNumbersGoToTheirExtremes(t *testing.T) {
	for _, n := range []int64{0, -1, 1, 63, 64, -64, -65, math.MaxInt32, math.MinInt32, math.MaxInt64, math.MinInt64} {
		var w Writer
		w.Long(n)
		if got := NewReader(w.Bytes()).Long(); got != n {
			t.Errorf("%d became %d", n, got)
		}
		if n == int64(int32(n)) {
			if got := NewReader(w.Bytes()).Int(); got != int32(n) {
				t.Errorf("%d became %d", n, got)
			}
		}
	}
}

func TestEveryNaNIsWrittenAsTheOne(t *testing.T) {
	var w Writer
	w.Float(math.Float32frombits(0xffc12345))
	w.Double(math.Float64frombits(0xfff8000000012345))
	if wanted := unhex(t, "0000c07f 000000000000f87f"); !bytes.Equal(w.Bytes(), wanted) {
		t.Fatalf("%x", w.Bytes())
	}
}

func TestDecimalsAreMinimalTwosComplement(t *testing.T) {
	cases := []struct{ text, bytes string }{
		{"0", "0200"}, {"0.01", "0201"}, {"-0.01", "02ff"}, {"1.27", "027f"}, {"1.28", "040080"}, {"-1.28", "0280"},
		{"-1.29", "04ff7f"}, {"2.55", "0400ff"}, {"2.56", "040100"}, {"-2.56", "04ff00"}, {"-3", "04fed4"},
	}
	for _, c := range cases {
		d, err := ParseDecimal(c.text)
		if err != nil {
			t.Fatal(err)
		}
		var w Writer
		w.Decimal(d, 10, 2)
		if !bytes.Equal(w.Bytes(), unhex(t, c.bytes)) || w.Err() != nil {
			t.Errorf("%s is %x, %v", c.text, w.Bytes(), w.Err())
		}
		if back := NewReader(w.Bytes()).Decimal(10, 2); !back.Equal(d) || back.Scale() != 2 {
			t.Errorf("%s became %s", c.text, back)
		}
		w.Reset()
		w.DecimalFixed(d, 5, 10, 2)
		if back := NewReader(w.Bytes()).DecimalFixed(5, 10, 2); len(w.Bytes()) != 5 || !back.Equal(d) {
			t.Errorf("%s became %s in 5 bytes %x", c.text, back, w.Bytes())
		}
	}
}

func TestDecimalsNeverLoseDigits(t *testing.T) {
	third, _ := ParseDecimal("0.333")
	large, _ := ParseDecimal("12345678901")
	for _, d := range []Decimal{third, large} {
		var w Writer
		if w.Decimal(d, 10, 2); w.Err() == nil {
			t.Errorf("%v was written with 10 digits, 2 of them after the point", d)
		}
	}
	for _, text := range []string{"", ".", "1.2.3", "1-2", "--1", "1e3", "1_000", "0x1", " 1", strings.Repeat("9", 1001)} {
		if d, err := ParseDecimal(text); err == nil {
			t.Errorf("%q is %v", text, d)
		}
	}
}

func TestDecimalsCompute(t *testing.T) {
	parse := func(text string) Decimal {
		d, err := ParseDecimal(text)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	a, b := parse("-12.50"), parse("0.125")
	cases := map[string]Decimal{
		"-12.375": a.Add(b), "-12.625": a.Sub(b), "-1.56250": a.Mul(b), "12.50": a.Neg(),
		"0": {}, "0.00": NewDecimal(0, 2), "5": NewDecimal(5, 0), "-0.05": NewDecimal(-5, 2),
		"340282366920938463463374607431768211456": NewBigDecimal(new(big.Int).Lsh(big.NewInt(1), 128), 0),
	}
	for wanted, got := range cases {
		if got.String() != wanted {
			t.Errorf("%v instead of %s", got, wanted)
		}
	}
	if a.Cmp(b) != -1 || b.Cmp(a) != 1 || parse("1.0").Cmp(parse("1.00")) != 0 || a.Sign() != -1 {
		t.Error("the order is wrong")
	}
	if r, err := parse("1.500").Rescale(1); err != nil || r.String() != "1.5" {
		t.Errorf("%v, %v", r, err)
	}
}

func TestTimesOutsideTheirUnitsAreRefused(t *testing.T) {
	far := time.Unix(math.MaxInt64/1000, 0)
	var w Writer
	if w.TimestampMillis(far); w.Err() != nil {
		t.Errorf("%v", w.Err())
	}
	if w.TimestampMicros(far); w.Err() == nil {
		t.Error("a time was written in microseconds that has none")
	}
	w.Reset()
	if w.TimestampMillis(time.Unix(math.MaxInt64/100, 0)); w.Err() == nil {
		t.Error("a time was written in milliseconds that has none")
	}
}

func TestDatesAreDays(t *testing.T) {
	d := NewDate(2026, time.November, 23)
	if d != 20_780 || d.String() != "2026-11-23" || DateOf(time.Date(1969, 12, 31, 23, 0, 0, 0, time.UTC)) != -1 {
		t.Fatalf("%d, %s", d, d)
	}
}

func TestUUIDsAreReadAndWritten(t *testing.T) {
	id, err := ParseUUID("F81D4FAE-7dec-11d0-a765-00a0c91e6bf6")
	if err != nil || id.String() != "f81d4fae-7dec-11d0-a765-00a0c91e6bf6" {
		t.Fatalf("%v, %v", id, err)
	}
	for _, text := range []string{"", "f81d4fae7dec11d0a76500a0c91e6bf6", "g81d4fae-7dec-11d0-a765-00a0c91e6bf6"} {
		if _, err := ParseUUID(text); err == nil {
			t.Errorf("%q is a uuid", text)
		}
	}
}

func TestAMapKeyTwiceIsRefused(t *testing.T) {
	r, m := NewReader(nil), map[string]int{}
	Put(r, m, "a", 1)
	if Put(r, m, "b", 2); r.Err() != nil {
		t.Fatal(r.Err())
	}
	if Put(r, m, "a", 3); r.Err() == nil {
		t.Fatal("a key was there twice")
	}
}
