// Package crosscheck compares generated codecs with an independent Avro library, github.com/twmb/avro: random values of
// random schemas, both directions. It is a module of its own, so that the SDK depends on nothing.
package crosscheck

import (
	"bytes"
	"encoding/json"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	evento "evento.dev/sdk/go"
	"github.com/twmb/avro"

	"evento.dev/sdk/go/crosscheck/generated"
)

// values is how many values of each schema are tried.
const values = 200

func TestGeneratedCodecsAgreeWithAnIndependentLibrary(t *testing.T) {
	if len(generated.All) < 20 {
		t.Fatalf("only %d schemas", len(generated.All))
	}
	// The same seed gives the same values; 0 when none is set.
	seed, _ := strconv.ParseUint(os.Getenv("SEED"), 10, 64)
	same := 0
	for n, fresh := range generated.All {
		text, err := os.ReadFile(filepath.Join("project/schemas", strings.TrimPrefix(fresh().AvroName(), "cross.")+".avsc"))
		if err != nil {
			t.Fatal(err)
		}
		schema, err := avro.Parse(string(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		var parsed any
		if err := json.Unmarshal(text, &parsed); err != nil {
			t.Fatal(err)
		}
		g := &maker{Rand: rand.New(rand.NewPCG(seed, uint64(n))), named: map[string]map[string]any{}}
		g.learn(parsed)
		for range values {
			if crossed(t, schema, g.value(parsed, 0), fresh) {
				same++
			}
		}
	}
	// Only the order of a map's keys may differ.
	if all := values * len(generated.All); same < all/2 {
		t.Errorf("only %d of %d values had the same bytes", same, all)
	}
}

// crossed passes a value from the library through our codec and back; whether even the bytes were the same.
func crossed(t *testing.T, schema *avro.Schema, value any, fresh func() generated.Value) bool {
	t.Helper()
	theirs, err := schema.Encode(value)
	if err != nil {
		t.Fatalf("the library cannot write %v: %v", value, err)
	}
	mine := fresh()
	r := evento.NewReader(theirs)
	mine.ReadAvro(r)
	if err := r.End(); err != nil {
		t.Fatalf("%s cannot read %x of %v: %v", mine.AvroName(), theirs, value, err)
	}
	ours, err := evento.Encode(mine)
	if err != nil {
		t.Fatalf("%s cannot write %+v: %v", mine.AvroName(), mine, err)
	}
	var before, after any
	if _, err := schema.Decode(theirs, &before, avro.TaggedUnions()); err != nil {
		t.Fatal(err)
	}
	rest, err := schema.Decode(ours, &after, avro.TaggedUnions())
	if err != nil || len(rest) > 0 {
		t.Fatalf("the library cannot read %x of %s: %v, %d bytes left", ours, mine.AvroName(), err, len(rest))
	}
	if !reflect.DeepEqual(before, after) {
		t.Fatalf("%s became another value:\n%v\n%v", mine.AvroName(), before, after)
	}
	again := fresh()
	r.Reset(ours)
	again.ReadAvro(r)
	if second, err := evento.Encode(again); r.End() != nil || err != nil || !bytes.Equal(second, ours) {
		t.Fatalf("%s has other bytes the second time", mine.AvroName())
	}
	refused(t, ours, fresh)
	return bytes.Equal(theirs, ours)
}

// refused cuts the bytes everywhere: nothing may be read, and nothing may panic.
func refused(t *testing.T, whole []byte, fresh func() generated.Value) {
	t.Helper()
	for end := range min(len(whole), 40) {
		r := evento.NewReader(whole[:end])
		fresh().ReadAvro(r)
		if r.End() == nil {
			t.Fatalf("%s was read from %d of %x", fresh().AvroName(), end, whole)
		}
	}
}

// maker makes random values as the library takes them.
type maker struct {
	*rand.Rand
	named map[string]map[string]any
}

// learn finds the named types of a schema.
func (g *maker) learn(schema any) {
	switch s := schema.(type) {
	case []any:
		for _, branch := range s {
			g.learn(branch)
		}
	case map[string]any:
		if name, is := s["name"].(string); is && s["type"] != nil {
			g.named[name] = s
		}
		for _, key := range []string{"type", "items", "values"} {
			g.learn(s[key])
		}
		if fields, is := s["fields"].([]any); is {
			for _, field := range fields {
				g.learn(field.(map[string]any)["type"])
			}
		}
	}
}

func (g *maker) value(schema any, depth int) any {
	switch s := schema.(type) {
	case string:
		if named := g.named[s]; named != nil {
			return g.value(named, depth)
		}
		return g.primitive(s)
	case []any:
		return g.union(s, depth)
	}
	s := schema.(map[string]any)
	if logical, is := s["logicalType"].(string); is {
		return g.logical(s, logical)
	}
	switch s["type"] {
	case "record":
		made := map[string]any{}
		for _, field := range s["fields"].([]any) {
			field := field.(map[string]any)
			made[field["name"].(string)] = g.value(field["type"], depth+1)
		}
		return made
	case "enum":
		symbols := s["symbols"].([]any)
		return symbols[g.IntN(len(symbols))]
	case "fixed":
		return g.bytes(int(s["size"].(float64)))
	case "array":
		made := []any{}
		for range g.some(depth) {
			made = append(made, g.value(s["items"], depth+1))
		}
		return made
	case "map":
		made := map[string]any{}
		for range g.some(depth) {
			made[g.text()] = g.value(s["values"], depth+1)
		}
		return made
	}
	return g.value(s["type"], depth)
}

// some is how many items a list has; fewer, the deeper it is.
func (g *maker) some(depth int) int {
	if depth > 6 {
		return 0
	}
	return g.IntN(4)
}

func (g *maker) primitive(name string) any {
	switch name {
	case "null":
		return nil
	case "boolean":
		return g.IntN(2) == 0
	case "int":
		return int32(g.number(32))
	case "long":
		return g.number(64)
	case "float":
		return math.Float32frombits(g.Uint32() &^ 0x40000000)
	case "double":
		return math.Float64frombits(g.Uint64() &^ 0x4000000000000000)
	case "bytes":
		return g.bytes(g.IntN(20))
	}
	return g.text()
}

// number prefers small numbers and the extremes.
func (g *maker) number(bits int) int64 {
	switch g.IntN(4) {
	case 0:
		return int64(g.IntN(200) - 100)
	case 1:
		return []int64{math.MinInt64, math.MaxInt64}[g.IntN(2)] >> (64 - bits)
	}
	return int64(g.Uint64()) >> (64 - bits)
}

func (g *maker) bytes(size int) []byte {
	made := make([]byte, size)
	for n := range made {
		made[n] = byte(g.Uint32())
	}
	return made
}

func (g *maker) text() string {
	letters := []rune("abcé日𝄞\x00\" ")
	var made []rune
	for range g.IntN(12) {
		made = append(made, letters[g.IntN(len(letters))])
	}
	return string(made)
}

func (g *maker) union(branches []any, depth int) any {
	n := g.IntN(len(branches))
	if depth > 6 {
		for at, branch := range branches {
			if branch == "null" {
				n = at
			}
		}
	}
	branch := branches[n]
	if branch == "null" {
		return nil
	}
	value := g.value(branch, depth+1)
	return map[string]any{g.branchName(branch): value}
}

// branchName is the tag of a branch in Avro's own JSON.
func (g *maker) branchName(branch any) string {
	if name, is := branch.(string); is {
		if g.named[name] != nil {
			return "cross." + name
		}
		return name
	}
	s := branch.(map[string]any)
	if name, is := s["name"].(string); is {
		return "cross." + name
	}
	return s["type"].(string)
}

func (g *maker) logical(s map[string]any, logical string) any {
	switch logical {
	case "decimal":
		precision, scale := int64(s["precision"].(float64)), int64(s["scale"].(float64))
		ten := big.NewInt(10)
		limit := new(big.Int).Exp(ten, big.NewInt(precision), nil)
		unscaled := new(big.Int).Mod(new(big.Int).SetBytes(g.bytes(1+g.IntN(24))), limit)
		if g.IntN(2) == 0 {
			unscaled.Neg(unscaled)
		}
		return new(big.Rat).SetFrac(unscaled, new(big.Int).Exp(ten, big.NewInt(scale), nil))
	case "uuid":
		id := evento.UUID(g.bytes(16))
		if s["type"] == "string" {
			return id.String()
		}
		return [16]byte(id)
	case "date":
		return time.Unix(int64(g.IntN(40_000)-20_000)*86_400, 0).UTC()
	case "timestamp-millis":
		return time.UnixMilli(g.Int64N(5e12) - 2e12).UTC()
	}
	return time.UnixMicro(g.Int64N(5e15) - 2e15).UTC()
}
