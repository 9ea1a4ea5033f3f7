// Makes a project of random schemas, for `evento gen go` to make codecs of, and the list of what it will make.
//
// Usage: go run ./schemas SEED COUNT
//
// It writes project/ (resources and schemas) and generated/list.go. The same seed gives the same schemas.
package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// depthMax is how deep types nest within one schema.
const depthMax = 4

// maker makes the schema of one record.
type maker struct {
	*rand.Rand
	prefix string
	named  int
	// known are named types that were defined before and may be used again.
	known []string
}

type object = map[string]any

func main() {
	seed, _ := strconv.ParseUint(os.Args[1], 10, 64)
	count, _ := strconv.Atoi(os.Args[2])
	must(os.RemoveAll("project"))
	must(os.RemoveAll("generated"))
	var resources, list strings.Builder
	record := func(name string, fields []object) {
		text, err := json.MarshalIndent(object{"type": "record", "name": name, "namespace": "cross", "fields": fields}, "", " ")
		must(err)
		save(filepath.Join("project/schemas", name+".avsc"), string(text)+"\n")
	}
	resource := func(kind, name, spec, schema string) {
		fmt.Fprintf(&resources, "---\napiVersion: evento.dev/v1alpha1\nkind: %s\nmetadata: {name: %s}\nspec:\n", kind, name)
		fmt.Fprintf(&resources, "%s  schemaFile: ../schemas/%s.avsc\n", spec, schema)
	}
	record("Subject", []object{})
	resource("Entity", "subject", "", "Subject")
	record("Happened", []object{})
	resource("Event", "happened", "  entity: subject\n", "Happened")
	for n := range count {
		name := fmt.Sprintf("Case%d", n)
		m := &maker{Rand: rand.New(rand.NewPCG(seed, uint64(n))), prefix: name}
		record(name, m.fields(0, 1+m.IntN(7)))
		resource("Command", strings.ToLower(name), "  entity: subject\n  emits: [happened]\n", name)
		fmt.Fprintf(&list, "\tfunc() Value { return new(cross.%s) },\n", name)
	}
	save("project/resources/all.yaml", strings.TrimPrefix(resources.String(), "---\n"))
	save("generated/list.go", "// Package generated lists the records that were made.\npackage generated\n\n"+
		"import (\n\tevento \"evento.dev/sdk/go\"\n\n\t\"evento.dev/sdk/go/crosscheck/generated/cross\"\n)\n\n"+
		"// Value is a pointer to a record.\ntype Value interface {\n\tevento.Record\n\tReadAvro(r *evento.Reader)\n}\n\n"+
		"// All make one value of each record.\nvar All = []func() Value{\n"+list.String()+"}\n")
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func save(path, text string) {
	must(os.MkdirAll(filepath.Dir(path), 0o755))
	must(os.WriteFile(path, []byte(text), 0o644))
}

func (m *maker) fields(depth, count int) []object {
	made := make([]object, count)
	for n := range made {
		made[n] = object{"name": fmt.Sprintf("field%d", n), "type": m.schema(depth + 1)}
	}
	return made
}

func (m *maker) name(kind string) string {
	m.named++
	return fmt.Sprintf("%s%s%d", m.prefix, kind, m.named)
}

// schema makes any type.
func (m *maker) schema(depth int) any {
	if depth < depthMax && m.IntN(3) == 0 {
		switch m.IntN(4) {
		case 0:
			return object{"type": "array", "items": m.schema(depth + 1)}
		case 1:
			return object{"type": "map", "values": m.schema(depth + 1)}
		case 2:
			return m.record(depth)
		default:
			return m.union(depth)
		}
	}
	if len(m.known) > 0 && m.IntN(6) == 0 {
		return m.known[m.IntN(len(m.known))]
	}
	return m.simple()
}

func (m *maker) simple() any {
	switch m.IntN(14) {
	case 0:
		return "null"
	case 1:
		return "boolean"
	case 2:
		return "int"
	case 3:
		return "long"
	case 4:
		return "float"
	case 5:
		return "double"
	case 6:
		return "bytes"
	case 7:
		return "string"
	case 8:
		return m.fixed(1+m.IntN(20), nil)
	case 9:
		return m.enum()
	case 10:
		precision := 1 + m.IntN(50)
		return object{"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": m.IntN(precision + 1)}
	case 11:
		precision := 1 + m.IntN(18)
		return m.fixed(8, object{"logicalType": "decimal", "precision": precision, "scale": m.IntN(precision + 1)})
	case 12:
		return object{"type": "string", "logicalType": "uuid"}
	default:
		return m.time()
	}
}

func (m *maker) time() any {
	switch m.IntN(4) {
	case 0:
		return object{"type": "int", "logicalType": "date"}
	case 1:
		return object{"type": "long", "logicalType": "timestamp-millis"}
	case 2:
		return object{"type": "long", "logicalType": "timestamp-micros"}
	default:
		return m.fixed(16, object{"logicalType": "uuid"})
	}
}

func (m *maker) fixed(size int, more object) any {
	made := object{"type": "fixed", "name": m.name("Fixed"), "size": size}
	for key, value := range more {
		made[key] = value
	}
	m.known = append(m.known, made["name"].(string))
	return made
}

func (m *maker) enum() any {
	symbols := []string{}
	for n := range 1 + m.IntN(5) {
		symbols = append(symbols, fmt.Sprintf("SYMBOL_%d", n))
	}
	made := object{"type": "enum", "name": m.name("Enum"), "symbols": symbols}
	m.known = append(m.known, made["name"].(string))
	return made
}

// record makes a record that may hold others of itself.
func (m *maker) record(depth int) any {
	name := m.name("Record")
	fields := m.fields(depth, 1+m.IntN(3))
	if m.IntN(3) == 0 {
		fields = append(fields, object{"name": "next", "type": []any{"null", name}})
	}
	m.known = append(m.known, name)
	return object{"type": "record", "name": name, "fields": fields}
}

// union makes branches that differ in what JSON makes of them, as Evento asks.
func (m *maker) union(depth int) any {
	if m.IntN(2) == 0 {
		item := m.simple()
		if item == "null" {
			item = "string"
		}
		if m.IntN(4) == 0 {
			return []any{item, "null"}
		}
		return []any{"null", item}
	}
	branches := []any{"null", "boolean", []any{"int", "long", "float", "double"}[m.IntN(4)]}
	// A float may be text in JSON: "NaN".
	if number := branches[2]; m.IntN(2) == 0 && number != "float" && number != "double" {
		branches = append(branches, "string")
	}
	// What is made from here on may use names of one another, so it stays in order.
	m.Shuffle(len(branches), func(a, b int) { branches[a], branches[b] = branches[b], branches[a] })
	if m.IntN(2) == 0 {
		branches = append(branches, object{"type": "array", "items": m.schema(depth + 1)})
	}
	if m.IntN(2) == 0 {
		branches = append(branches, m.record(depth))
	} else {
		branches = append(branches, object{"type": "map", "values": m.schema(depth + 1)})
	}
	return branches
}
