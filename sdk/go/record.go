// What generated records can do, and encoding and decoding one of them.

package evento

import "fmt"

// Record is a value with a full name and an Avro codec: an entity's state, a command, an event. Generated.
type Record interface {
	// AvroName is namespace and name.
	AvroName() string
	// WriteAvro appends the canonical bytes.
	WriteAvro(w *Writer)
}

// Readable is a pointer to a value that reads itself. Generated.
type Readable[T any] interface {
	*T
	ReadAvro(r *Reader)
}

// Encode gives a record's canonical bytes. The error says which value cannot be written.
func Encode(record Record) ([]byte, error) {
	var w Writer
	record.WriteAvro(&w)
	if err := w.Err(); err != nil {
		return nil, fmt.Errorf("%s cannot be written: %w", record.AvroName(), err)
	}
	return w.bytes, nil
}

// Decode reads exactly one record from bytes.
//
//	account, err := evento.Decode[bank.Account](bytes)
func Decode[T Record, P Readable[T]](bytes []byte) (T, error) {
	var value T
	if err := decode(bytes, P(&value)); err != nil {
		return value, fmt.Errorf("%s cannot be read: %w", value.AvroName(), err)
	}
	return value, nil
}

// decode reads exactly one value from bytes into target.
func decode(bytes []byte, target interface{ ReadAvro(r *Reader) }) error {
	r := readers.Get().(*Reader)
	defer readers.Put(r)
	r.Reset(bytes)
	target.ReadAvro(r)
	err := r.End()
	r.bytes = nil
	return err
}
