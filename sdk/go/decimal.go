// Exact decimals and their two forms in Avro. It does not round: that is the business's to decide.

package evento

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
)

const (
	// decimalBytesMax bounds a decimal's bytes: what 1,000 digits need, more than which Evento takes of none.
	decimalBytesMax = 416
	// decimalDigitsMax bounds the digits of a decimal, as Evento does.
	decimalDigitsMax = 1_000
)

// Decimal is an exact decimal number: a whole number and how many of its digits stand after the point.
//
// The zero value is 0. Decimals are immutable; compare them with [Decimal.Cmp], since 1.0 and 1.00 differ in form.
type Decimal struct {
	// nil is 0.
	unscaled *big.Int
	scale    int
}

// NewDecimal gives unscaled / 10^scale: NewDecimal(1250, 2) is 12.50.
func NewDecimal(unscaled int64, scale int) Decimal {
	return Decimal{big.NewInt(unscaled), max(scale, 0)}
}

// NewBigDecimal gives unscaled / 10^scale of a number of any size.
func NewBigDecimal(unscaled *big.Int, scale int) Decimal {
	return Decimal{new(big.Int).Set(unscaled), max(scale, 0)}
}

// ParseDecimal reads text such as -12.50; the scale is that of the text.
func ParseDecimal(text string) (Decimal, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	unscaled, ok := new(big.Int).SetString(whole+fraction, 10)
	digits := strings.TrimLeft(whole, "+-") + fraction
	if !ok || len(digits) > decimalDigitsMax || strings.ContainsAny(digits, "+-_") {
		return Decimal{}, fmt.Errorf("a decimal must look like -12.50, with at most %d digits", decimalDigitsMax)
	}
	return Decimal{unscaled, len(fraction)}, nil
}

func (d Decimal) whole() *big.Int {
	if d.unscaled == nil {
		return new(big.Int)
	}
	return d.unscaled
}

// Unscaled gives a copy of the whole number.
func (d Decimal) Unscaled() *big.Int { return new(big.Int).Set(d.whole()) }

// Scale counts the digits after the point.
func (d Decimal) Scale() int { return d.scale }

// Sign is -1, 0 or 1.
func (d Decimal) Sign() int { return d.whole().Sign() }

// Cmp compares the numbers: -1, 0 or 1.
func (d Decimal) Cmp(other Decimal) int {
	a, b, _ := aligned(d, other)
	return a.Cmp(b)
}

// Equal says whether the numbers are equal, whatever their scales.
func (d Decimal) Equal(other Decimal) bool { return d.Cmp(other) == 0 }

// Add gives the exact sum, with the larger of the two scales.
func (d Decimal) Add(other Decimal) Decimal {
	a, b, scale := aligned(d, other)
	return Decimal{new(big.Int).Add(a, b), scale}
}

// Sub gives the exact difference, with the larger of the two scales.
func (d Decimal) Sub(other Decimal) Decimal {
	a, b, scale := aligned(d, other)
	return Decimal{new(big.Int).Sub(a, b), scale}
}

// Mul gives the exact product, with the sum of the scales.
func (d Decimal) Mul(other Decimal) Decimal {
	return Decimal{new(big.Int).Mul(d.whole(), other.whole()), d.scale + other.scale}
}

// Neg gives the number with the other sign.
func (d Decimal) Neg() Decimal { return Decimal{new(big.Int).Neg(d.whole()), d.scale} }

// Rescale gives the same number with another scale. It fails when digits other than 0 would be lost: rounding is a
// decision of the business.
func (d Decimal) Rescale(scale int) (Decimal, error) {
	if scale >= d.scale {
		return Decimal{new(big.Int).Mul(d.whole(), tenTo(scale-d.scale)), scale}, nil
	}
	quotient, rest := new(big.Int).QuoRem(d.whole(), tenTo(d.scale-scale), new(big.Int))
	if rest.Sign() != 0 {
		return Decimal{}, fmt.Errorf("%v has more than %d digits after the point", d, scale)
	}
	return Decimal{quotient, scale}, nil
}

// String gives the number with exactly its scale: -12.50.
func (d Decimal) String() string {
	digits := new(big.Int).Abs(d.whole()).String()
	if missing := d.scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	sign := ""
	if d.Sign() < 0 {
		sign = "-"
	}
	if d.scale == 0 {
		return sign + digits
	}
	return sign + digits[:len(digits)-d.scale] + "." + digits[len(digits)-d.scale:]
}

func aligned(a, b Decimal) (*big.Int, *big.Int, int) {
	scale := max(a.scale, b.scale)
	return scaledUp(a, scale), scaledUp(b, scale), scale
}

func scaledUp(d Decimal, scale int) *big.Int {
	if d.scale == scale {
		return d.whole()
	}
	return new(big.Int).Mul(d.whole(), tenTo(scale-d.scale))
}

func tenTo(exponent int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(exponent)), nil)
}

// Decimal reads a decimal that stands on bytes.
func (r *Reader) Decimal(precision, scale int) Decimal { return r.decimal(r.view(), precision, scale) }

// DecimalFixed reads a decimal that stands on a fixed of so many bytes.
func (r *Reader) DecimalFixed(size, precision, scale int) Decimal {
	return r.decimal(r.take(size), precision, scale)
}

func (r *Reader) decimal(bytes []byte, precision, scale int) Decimal {
	bytes = minimal(bytes)
	if len(bytes) > decimalBytesMax {
		r.Fail("a decimal of %d bytes", len(bytes))
		return Decimal{}
	}
	unscaled := new(big.Int).SetBytes(bytes)
	if len(bytes) > 0 && bytes[0] >= 0x80 {
		unscaled.Sub(unscaled, new(big.Int).Lsh(big.NewInt(1), uint(8*len(bytes))))
	}
	if !fits(unscaled, precision) {
		r.Fail("a decimal has more than %d digits", precision)
	}
	return Decimal{unscaled, scale}
}

// Decimal writes a decimal that stands on bytes; its scale is brought to the schema's without losing digits.
func (w *Writer) Decimal(d Decimal, precision, scale int) {
	if unscaled, err := d.at(precision, scale); err != nil {
		w.Fail("%v", err)
	} else {
		w.PutBytes(twosComplement(unscaled))
	}
}

// DecimalFixed writes a decimal that stands on a fixed of so many bytes.
func (w *Writer) DecimalFixed(d Decimal, size, precision, scale int) {
	unscaled, err := d.at(precision, scale)
	if err != nil {
		w.Fail("%v", err)
		return
	}
	bytes := twosComplement(unscaled)
	var fill byte
	if unscaled.Sign() < 0 {
		fill = 0xff
	}
	for range size - len(bytes) {
		w.bytes = append(w.bytes, fill)
	}
	w.bytes = append(w.bytes, bytes...)
}

// at gives the whole number at the schema's scale.
func (d Decimal) at(precision, scale int) (*big.Int, error) {
	scaled, err := d.Rescale(scale)
	if err != nil {
		return nil, err
	}
	if !fits(scaled.whole(), precision) {
		return nil, errors.New("the decimal " + d.String() + " has more digits than its schema allows")
	}
	return scaled.whole(), nil
}

// fits says whether a number has at most so many digits.
func fits(n *big.Int, precision int) bool {
	// 3 bits are less than one digit, 4 bits more than one.
	if n.BitLen() <= 3*precision {
		return true
	}
	return n.BitLen() <= 4*precision && n.CmpAbs(tenTo(precision)) < 0
}

// minimal drops the leading bytes that only repeat the sign.
func minimal(bytes []byte) []byte {
	for len(bytes) > 1 && ((bytes[0] == 0 && bytes[1] < 0x80) || (bytes[0] == 0xff && bytes[1] >= 0x80)) {
		bytes = bytes[1:]
	}
	return bytes
}

// twosComplement gives the fewest big-endian bytes; 0 is one byte.
func twosComplement(n *big.Int) []byte {
	if n.Sign() >= 0 {
		return minimal(append([]byte{0}, n.Bytes()...))
	}
	bits := uint(8 * (n.BitLen()/8 + 1))
	return minimal(new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), bits)).Bytes())
}
