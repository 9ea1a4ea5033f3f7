// What a decision and an evolution may use: values that stay the same over every attempt and replay.

package evento

import (
	"crypto/sha256"
	"encoding/binary"
	"log/slog"
	"time"
)

// Context is what handle may use beside the command and the state: values that never change for that command,
// however often it is tried. There is no other clock and no other chance.
type Context struct {
	// EntityID is the instance.
	EntityID string
	// Seq counts the events that are in the state already.
	Seq int64
	// CommandID is the command's id.
	CommandID string
	// Time is when the command was accepted: UTC, milliseconds.
	Time time.Time
	// Seed is where [Context.UUID] and [Context.Random] come from.
	Seed [16]byte
	// call is what all copies of one context share.
	call *call
}

// call is what belongs to one call of handle.
type call struct {
	random *Random
}

// ApplyContext is what apply may use beside the event and the state.
type ApplyContext struct {
	// EntityID is the instance.
	EntityID string
	// Time is when the command that caused the event was accepted: UTC, milliseconds.
	Time time.Time
}

// ForApply gives what apply gets for the events of this command.
func (cx Context) ForApply() ApplyContext { return ApplyContext{EntityID: cx.EntityID, Time: cx.Time} }

// UUID gives the n-th id of this command: a UUID of version 8 that every attempt and replay gives again.
//
// It is the first 16 bytes of SHA-256(seed, "uuid", n as 4 bytes big-endian), with version and variant set.
func (cx Context) UUID(n uint32) UUID {
	var hashed [24]byte
	copy(hashed[:], cx.Seed[:])
	copy(hashed[16:], "uuid")
	binary.BigEndian.PutUint32(hashed[20:], n)
	digest := sha256.Sum256(hashed[:])
	id := UUID(digest[:16])
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id
}

// Random gives the command's stream of random numbers, which every attempt and replay gives again. Asked again during
// the same call, it is the same stream and goes on where it was.
func (cx Context) Random() *Random {
	if cx.call == nil {
		return newRandom(cx.Seed)
	}
	if cx.call.random == nil {
		cx.call.random = newRandom(cx.Seed)
	}
	return cx.call.random
}

// Log gives a logger that puts the command's id on each line. What it logs influences no result.
func (cx Context) Log() *slog.Logger {
	return slog.Default().With("command", cx.CommandID, "entity", cx.EntityID)
}
