// Random numbers that are the same in every language and every attempt. Not for secrets.

package evento

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
)

// Random is a stream of random numbers: the key stream of ChaCha20 with the key SHA-256(seed, "random") and a zero
// nonce. It is the same in the SDKs of all languages. Source: RFC 8439.
//
// It is a Source of math/rand/v2 and an io.Reader that never fails.
type Random struct {
	key   [8]uint32
	block [64]byte
	// How many bytes of the block are used up.
	used    int
	counter uint32
}

func newRandom(seed [16]byte) *Random {
	hashed := append(seed[:], "random"...)
	key := sha256.Sum256(hashed)
	r := &Random{used: 64}
	for n := range r.key {
		r.key[n] = binary.LittleEndian.Uint32(key[4*n:])
	}
	return r
}

// Read fills all of target.
func (r *Random) Read(target []byte) (int, error) {
	for rest := target; len(rest) > 0; {
		if r.used == len(r.block) {
			r.fill()
		}
		n := copy(rest, r.block[r.used:])
		r.used += n
		rest = rest[n:]
	}
	return len(target), nil
}

// Bytes gives the next so many bytes.
func (r *Random) Bytes(count int) []byte {
	bytes := make([]byte, count)
	_, _ = r.Read(bytes)
	return bytes
}

// Int64 gives the next 8 bytes as a little-endian number of two's complement.
func (r *Random) Int64() int64 { return int64(r.Uint64()) }

// Float64 gives a number from 0 to below 1 of the next 8 bytes.
func (r *Random) Float64() float64 { return float64(r.Uint64()>>11) / (1 << 53) }

// Int64N gives a number from 0 to below n, each equally likely. It takes 8 bytes or, seldom, more. It panics when n is
// below 1.
func (r *Random) Int64N(n int64) int64 {
	if n < 1 {
		panic("evento: Int64N of a number below 1")
	}
	// The largest multiple of n; for a power of two it is 2^64, which is 0 here, and nothing is refused.
	limit := -(-uint64(n) % uint64(n))
	for {
		if x := r.Uint64(); limit == 0 || x < limit {
			return int64(x % uint64(n))
		}
	}
}

// Uint64 gives the next 8 bytes, little-endian.
func (r *Random) Uint64() uint64 {
	var eight [8]byte
	_, _ = r.Read(eight[:])
	return binary.LittleEndian.Uint64(eight[:])
}

// fill makes the next block.
func (r *Random) fill() {
	start := [16]uint32{0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}
	copy(start[4:12], r.key[:])
	start[12] = r.counter
	x := start
	for range 10 {
		quarter(&x, 0, 4, 8, 12)
		quarter(&x, 1, 5, 9, 13)
		quarter(&x, 2, 6, 10, 14)
		quarter(&x, 3, 7, 11, 15)
		quarter(&x, 0, 5, 10, 15)
		quarter(&x, 1, 6, 11, 12)
		quarter(&x, 2, 7, 8, 13)
		quarter(&x, 3, 4, 9, 14)
	}
	for n := range x {
		binary.LittleEndian.PutUint32(r.block[4*n:], x[n]+start[n])
	}
	r.counter++
	r.used = 0
}

// quarter is the quarter round of RFC 8439, section 2.1.
func quarter(x *[16]uint32, a, b, c, d int) {
	x[a] += x[b]
	x[d] = bits.RotateLeft32(x[d]^x[a], 16)
	x[c] += x[d]
	x[b] = bits.RotateLeft32(x[b]^x[c], 12)
	x[a] += x[b]
	x[d] = bits.RotateLeft32(x[d]^x[a], 8)
	x[c] += x[d]
	x[b] = bits.RotateLeft32(x[b]^x[c], 7)
}
