// Values through their codecs and compared, and how they are shown. It knows no function.

package eventotest

import (
	"bytes"
	"fmt"
	"reflect"
	"time"

	evento "evento.dev/sdk/go"
)

// roundTrip encodes a value, reads it back and compares both the value and the bytes.
func roundTrip(value evento.Record) ([]byte, error) {
	encoded, err := evento.Encode(value)
	if err != nil {
		return nil, err
	}
	if encoded == nil {
		encoded = []byte{}
	}
	plain := reflect.Indirect(reflect.ValueOf(value))
	again := reflect.New(plain.Type())
	reading, is := again.Interface().(interface{ ReadAvro(r *evento.Reader) })
	if !is {
		return nil, fmt.Errorf("%T cannot be read: give a value of a generated type", value)
	}
	r := evento.NewReader(encoded)
	reading.ReadAvro(r)
	if err := r.End(); err != nil {
		return nil, fmt.Errorf("%s does not pass through its codec: %w", value.AvroName(), err)
	}
	if !same(plain, again.Elem()) {
		return nil, fmt.Errorf("%s does not pass through its codec unchanged:\n  %+v\nbecomes\n  %+v",
			value.AvroName(), plain.Interface(), again.Elem().Interface())
	}
	if second, err := evento.Encode(again.Elem().Interface().(evento.Record)); err != nil || !bytes.Equal(encoded, second) {
		return nil, fmt.Errorf("%s has other bytes the second time it is written", value.AvroName())
	}
	return encoded, nil
}

var (
	timeType    = reflect.TypeFor[time.Time]()
	decimalType = reflect.TypeFor[evento.Decimal]()
)

// same says whether two values mean the same: nil and empty lists do, times in different zones, decimals of different
// scales, and NaNs.
func same(a, b reflect.Value) bool {
	if a.IsValid() != b.IsValid() || (a.IsValid() && a.Type() != b.Type()) {
		return false
	}
	if !a.IsValid() {
		return true
	}
	switch a.Type() {
	case timeType:
		return a.Interface().(time.Time).Equal(b.Interface().(time.Time))
	case decimalType:
		return a.Interface().(evento.Decimal).Equal(b.Interface().(evento.Decimal))
	}
	switch a.Kind() {
	case reflect.Float32, reflect.Float64:
		return a.Float() == b.Float() || (a.Float() != a.Float() && b.Float() != b.Float())
	case reflect.Pointer, reflect.Interface:
		return same(a.Elem(), b.Elem())
	case reflect.Struct:
		for n := range a.NumField() {
			if !same(a.Field(n), b.Field(n)) {
				return false
			}
		}
		return true
	case reflect.Slice, reflect.Array:
		return sameItems(a, b)
	case reflect.Map:
		return sameEntries(a, b)
	default:
		return a.Equal(b)
	}
}

func sameItems(a, b reflect.Value) bool {
	if a.Len() != b.Len() {
		return false
	}
	for n := range a.Len() {
		if !same(a.Index(n), b.Index(n)) {
			return false
		}
	}
	return true
}

func sameEntries(a, b reflect.Value) bool {
	if a.Len() != b.Len() {
		return false
	}
	for entries := a.MapRange(); entries.Next(); {
		if other := b.MapIndex(entries.Key()); !other.IsValid() || !same(entries.Value(), other) {
			return false
		}
	}
	return true
}

// shown writes a value with its name for people; pointers are followed.
func shown(value evento.Record) string {
	if value == nil {
		return "  no state"
	}
	return fmt.Sprintf("  %s %s", value.AvroName(), shownValue(reflect.ValueOf(value)))
}

func shownValue(v reflect.Value) string {
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return fmt.Sprintf("%+v", v)
	}
	var text bytes.Buffer
	text.WriteString("{")
	for n := range v.NumField() {
		if n > 0 {
			text.WriteString(", ")
		}
		fmt.Fprintf(&text, "%s: %s", v.Type().Field(n).Name, shownField(v.Field(n)))
	}
	text.WriteString("}")
	return text.String()
}

func shownField(v reflect.Value) string {
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if v.Kind() == reflect.String {
		return fmt.Sprintf("%q", v.String())
	}
	return fmt.Sprintf("%+v", v.Interface())
}

func shownState(function *evento.Function, state []byte) string {
	if state == nil {
		return shown(nil)
	}
	value, err := function.ReadState(state)
	if err != nil {
		return fmt.Sprintf("  %v", err)
	}
	return shown(value)
}
