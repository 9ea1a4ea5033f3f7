// The rules of the probe.

package main

import (
	"errors"
	"fmt"
	"time"

	evento "evento.dev/sdk/go"
	"evento.dev/sdk/go/probe/conformance"
)

// Probe does what ../../conformance/README.md says, command by command.
type Probe struct{}

type state = conformance.Probe

// Echo answers what it was given.
func (Probe) Echo(c conformance.Echo, _ *state, _ evento.Context) (evento.Events[conformance.EchoResult], error) {
	return conformance.EchoEvents(conformance.Echoed{Value: c.Value}), nil
}

// EmitMany answers many events; none at all is an answer that the SDK refuses.
func (Probe) EmitMany(
	c conformance.EmitMany, _ *state, _ evento.Context,
) (evento.Events[conformance.EmitManyResult], error) {
	var events []conformance.EmitManyResult
	for n := range c.N {
		events = append(events, conformance.Noted{Number: n, Text: fmt.Sprintf("note %d", n)})
	}
	return evento.EventsOf(events), nil
}

// Reject says no.
func (Probe) Reject(c conformance.Reject, _ *state, _ evento.Context) (evento.Events[conformance.RejectResult], error) {
	return conformance.RejectEvents(conformance.Rejected{Reason: c.Reason}), nil
}

// RejectAndCount says no, and the state counts it.
func (Probe) RejectAndCount(
	c conformance.RejectAndCount, _ *state, _ evento.Context,
) (evento.Events[conformance.RejectAndCountResult], error) {
	return conformance.RejectAndCountEvents(conformance.RejectedAndCounted{Reason: c.Reason}), nil
}

// ExpectCount compares the count.
func (Probe) ExpectCount(
	c conformance.ExpectCount, s *state, _ evento.Context,
) (evento.Events[conformance.ExpectCountResult], error) {
	var count int64
	if s != nil {
		count = s.Count
	}
	if count != c.Count {
		return conformance.ExpectCountEvents(conformance.Rejected{Reason: fmt.Sprintf("the count is %d", count)}), nil
	}
	return conformance.ExpectCountEvents(conformance.Noted{Number: 1, Text: "as expected"}), nil
}

// End ends the instance.
func (Probe) End(conformance.End, *state, evento.Context) (evento.Events[conformance.EndResult], error) {
	return conformance.EndEvents(conformance.Ended{}), nil
}

// Throw panics.
func (Probe) Throw(c conformance.Throw, _ *state, _ evento.Context) (evento.Events[conformance.ThrowResult], error) {
	panic(c.Message)
}

// Poison can never be handled.
func (Probe) Poison(
	c conformance.Poison, _ *state, _ evento.Context,
) (events evento.Events[conformance.PoisonResult], err error) {
	return events, evento.Poison(errors.New(c.Message))
}

// Break answers an event that apply cannot take.
func (Probe) Break(c conformance.Break, _ *state, _ evento.Context) (evento.Events[conformance.BreakResult], error) {
	return conformance.BreakEvents(
		conformance.Noted{Number: 0, Text: "before"}, conformance.Broken{Message: c.Message}), nil
}

// Sleep blocks.
func (Probe) Sleep(c conformance.Sleep, _ *state, _ evento.Context) (evento.Events[conformance.SleepResult], error) {
	time.Sleep(time.Duration(c.Ms) * time.Millisecond)
	return conformance.SleepEvents(conformance.Noted{Number: c.Ms, Text: "slept"}), nil
}

// Context tells all of its context.
func (Probe) Context(
	_ conformance.Context, _ *state, cx evento.Context,
) (evento.Events[conformance.ContextResult], error) {
	seen := conformance.ContextSeen{
		EntityID: cx.EntityID, Seq: cx.Seq, CommandID: cx.CommandID, Time: cx.Time, Seed: cx.Seed[:],
	}
	for n := range uint32(10) {
		seen.Uuids = append(seen.Uuids, cx.UUID(n))
	}
	seen.RandomBytes = cx.Random().Bytes(70)
	random := cx.Random()
	seen.RandomLong, seen.RandomDouble = random.Int64(), random.Float64()
	for _, below := range []int64{1, 6, 1_000_000_007} {
		seen.RandomBelow = append(seen.RandomBelow, random.Int64N(below))
	}
	for range 8 {
		seen.RandomBelow = append(seen.RandomBelow, random.Int64N(4_611_686_018_427_387_905))
	}
	return conformance.ContextEvents(seen), nil
}

// Maps answers the entries.
func (Probe) Maps(c conformance.Maps, _ *state, _ evento.Context) (evento.Events[conformance.MapsResult], error) {
	return conformance.MapsEvents(conformance.Mapped{Entries: c.Entries}), nil
}

// counted gives the state with one event more; a new one if there is none.
func counted(s *state) *state {
	if s == nil {
		s = new(state)
	}
	s.Count++
	return s
}

// OnEchoed keeps the value.
func (Probe) OnEchoed(e conformance.Echoed, s *state, _ evento.ApplyContext) *state {
	s = counted(s)
	s.Last = &e.Value
	return s
}

// OnNoted folds number and text into the digest.
func (Probe) OnNoted(e conformance.Noted, s *state, _ evento.ApplyContext) *state {
	s = counted(s)
	s.Digest = (s.Digest*31 + int64(e.Number) + 7*int64(len(e.Text))) % 1_000_000_007
	return s
}

// OnRejectedAndCounted counts the rejection.
func (Probe) OnRejectedAndCounted(_ conformance.RejectedAndCounted, s *state, _ evento.ApplyContext) *state {
	s = counted(s)
	s.Rejections++
	return s
}

// OnContextSeen keeps the context of apply.
func (Probe) OnContextSeen(_ conformance.ContextSeen, s *state, cx evento.ApplyContext) *state {
	s = counted(s)
	s.Totals = map[string]int64{cx.EntityID: cx.Time.UnixMilli()}
	return s
}

// OnMapped keeps the entries.
func (Probe) OnMapped(e conformance.Mapped, s *state, _ evento.ApplyContext) *state {
	s = counted(s)
	s.Totals = e.Entries
	return s
}

// OnEnded ends the instance.
func (Probe) OnEnded(conformance.Ended, *state, evento.ApplyContext) *state { return nil }

// OnBroken panics.
func (Probe) OnBroken(e conformance.Broken, _ *state, _ evento.ApplyContext) *state { panic(e.Message) }
