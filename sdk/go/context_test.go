// Ids and random numbers against the vectors of all languages.

package evento

import (
	"encoding/hex"
	"strconv"
	"testing"
)

func TestIdsAndRandomNumbersAreThoseOfAllLanguages(t *testing.T) {
	var file struct {
		Vectors []struct {
			Seed         string
			UUIDs        []string
			RandomBytes  string
			RandomLong   string
			RandomDouble float64
			RandomBelow  []string
		}
	}
	goldenJSON(t, "context.json", &file)
	if len(file.Vectors) < 2 {
		t.Fatal("too few vectors")
	}
	for _, v := range file.Vectors {
		cx := Context{call: new(call)}
		if _, err := hex.Decode(cx.Seed[:], []byte(v.Seed)); err != nil {
			t.Fatal(err)
		}
		for n, wanted := range v.UUIDs {
			if got := cx.UUID(uint32(n)).String(); got != wanted {
				t.Errorf("UUID(%d) is %s instead of %s", n, got, wanted)
			}
		}
		if got := hex.EncodeToString(cx.Random().Bytes(70)); got != v.RandomBytes {
			t.Errorf("the first bytes are %s", got)
		}
		// The same stream goes on.
		if got := strconv.FormatInt(cx.Random().Int64(), 10); got != v.RandomLong {
			t.Errorf("the next long is %s instead of %s", got, v.RandomLong)
		}
		if got := cx.Random().Float64(); got != v.RandomDouble {
			t.Errorf("the next double is %v instead of %v", got, v.RandomDouble)
		}
		for n, wanted := range v.RandomBelow {
			below := int64(4611686018427387905)
			if n < 3 {
				below = []int64{1, 6, 1000000007}[n]
			}
			if got := strconv.FormatInt(cx.Random().Int64N(below), 10); got != wanted {
				t.Errorf("number %d below %d is %s instead of %s", n, below, got, wanted)
			}
		}
	}
}
