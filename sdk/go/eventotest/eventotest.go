// Package eventotest tests what a function decides and how the state evolves, as given-when-then without a server.
//
//	eventotest.Given(t, bank.NewAccountFunction(Accounts{}), bank.DepositReceived{Amount: 100, Reference: "x"}).
//		When(bank.WithdrawCash{Amount: 500, Reference: "y"}).
//		ThenRejected(bank.WithdrawalRejected{Amount: 500, Reason: "insufficient funds"})
//
// A test fails where Evento would refuse the answer: every value passes through its codec both ways, emits and the
// limits of size and number are checked, handle and apply run twice and must give the same bytes, handle must leave
// the state it was given as it is, and the events are applied.
package eventotest

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	evento "evento.dev/sdk/go"
)

// Limits of Evento that a test keeps, so that it fails where the commit would. Source: function-protocol 11.
const (
	eventsMax       = 100
	eventBytesMax   = 1 << 20
	commandBytesMax = 1 << 20
	stateBytesMax   = 4 << 20
)

// Test is a test that is being told: what was before the command.
type Test struct {
	t        testing.TB
	function *evento.Function
	events   []evento.Record
	state    evento.Record
	cx       evento.Context
}

// Outcome is what a command came to.
type Outcome struct {
	t        testing.TB
	function *evento.Function
	command  evento.Record
	events   []evento.Emitted
	failure  *evento.Failure
	// before and after are states; nil means none.
	before, after []byte
}

// Given begins with the instance after these events; without any, it does not exist yet.
func Given(t testing.TB, function *evento.Function, events ...evento.Record) *Test {
	t.Helper()
	cx := evento.Context{
		EntityID: "test", CommandID: "command", Time: time.Date(2026, time.November, 23, 6, 0, 0, 0, time.UTC),
	}
	copy(cx.Seed[:], "0123456789abcdef")
	return &Test{t: t, function: function, events: events, cx: cx}
}

// GivenState begins with an instance that is in this state.
func GivenState(t testing.TB, function *evento.Function, state evento.Record) *Test {
	t.Helper()
	test := Given(t, function)
	test.state, test.cx.Seq = state, 1
	return test
}

// At sets when the command is accepted; what is finer than milliseconds is cut off, as Evento does.
func (g *Test) At(accepted time.Time) *Test {
	g.cx.Time = accepted.UTC().Truncate(time.Millisecond)
	return g
}

// Seed sets where ids and random numbers come from.
func (g *Test) Seed(seed [16]byte) *Test {
	g.cx.Seed = seed
	return g
}

// ID sets the instance's id.
func (g *Test) ID(entityID string) *Test {
	g.cx.EntityID = entityID
	return g
}

// When decides a command.
func (g *Test) When(command evento.Record) *Outcome {
	g.t.Helper()
	before := g.start()
	payload := g.through(command, commandBytesMax)
	decide := func() ([]evento.Emitted, *evento.Failure) {
		events, err := g.function.Decide(command.AvroName(), payload, before, g.cx)
		if err != nil {
			return nil, err.(*evento.Failure)
		}
		return events, nil
	}
	events, failure := decide()
	again, failureAgain := decide()
	o := &Outcome{t: g.t, function: g.function, command: command, events: events, failure: failure, before: before}
	if !sameEvents(events, again) || (failure == nil) != (failureAgain == nil) {
		g.t.Fatalf("handle gave two answers to one command; it may use command, state and context only:\n%s\n%s",
			o.shown(), (&Outcome{events: again, failure: failureAgain}).shown())
	}
	if failure == nil {
		o.after = g.commit(o)
	}
	return o
}

// start gives the state before the command.
func (g *Test) start() []byte {
	g.t.Helper()
	var state []byte
	if g.state != nil {
		state = g.through(g.state, stateBytesMax)
	}
	for _, event := range g.events {
		if !g.function.Knows(event.AvroName()) {
			g.t.Fatalf("%s is no event of %s", event.AvroName(), g.function.Entity())
		}
		state = g.applied(event.AvroName(), g.through(event, eventBytesMax), state)
		g.cx.Seq++
	}
	return state
}

// commit checks the answer as Evento does before it commits it, and gives the state afterwards.
func (g *Test) commit(o *Outcome) []byte {
	g.t.Helper()
	if len(o.events) > eventsMax {
		g.t.Fatalf("%s was answered by %d events; Evento takes at most %d", o.command.AvroName(), len(o.events), eventsMax)
	}
	state := o.before
	for _, event := range o.events {
		g.through(event.Value, eventBytesMax)
		state = g.applied(event.Name, event.Payload, state)
	}
	return state
}

// applied gives the state after an event; apply runs twice.
func (g *Test) applied(name string, payload, state []byte) []byte {
	g.t.Helper()
	after, err := g.function.Evolve(name, payload, state, g.cx.ForApply())
	if err != nil {
		g.t.Fatalf("apply of %s failed: %v", name, err)
	}
	again, err := g.function.Evolve(name, payload, state, g.cx.ForApply())
	if err != nil || (after == nil) != (again == nil) || !bytes.Equal(after, again) {
		g.t.Fatalf("apply of %s gave two states; it may use event, state and context only:\n%s\n%s",
			name, shownState(g.function, after), shownState(g.function, again))
	}
	if len(after) > stateBytesMax {
		g.t.Fatalf("the state after %s has %d bytes; Evento takes at most %d", name, len(after), stateBytesMax)
	}
	return after
}

// through passes a value through its codec both ways and gives its bytes.
func (g *Test) through(value evento.Record, bytesMax int) []byte {
	g.t.Helper()
	encoded, err := roundTrip(value)
	if err != nil {
		g.t.Fatal(err)
	}
	if len(encoded) > bytesMax {
		g.t.Fatalf("%s has %d bytes; Evento takes at most %d", value.AvroName(), len(encoded), bytesMax)
	}
	return encoded
}

// Then says that the command is answered by exactly these events, in this order.
func (o *Outcome) Then(events ...evento.Record) *Outcome {
	o.t.Helper()
	o.answered()
	if len(events) != len(o.events) {
		o.t.Fatalf("%s was answered by %d events instead of %d:\n%s", o.command.AvroName(), len(o.events), len(events), o.shown())
	}
	for n, wanted := range events {
		encoded, err := roundTrip(wanted)
		if err != nil {
			o.t.Fatal(err)
		}
		if got := o.events[n]; got.Name != wanted.AvroName() || !bytes.Equal(got.Payload, encoded) {
			o.t.Fatalf("event %d is\n%s\ninstead of\n%s", n+1, shown(got.Value), shown(wanted))
		}
	}
	return o
}

// ThenRejected says that the command is answered by exactly this event, and that it is a rejection.
func (o *Outcome) ThenRejected(event evento.Record) *Outcome {
	o.t.Helper()
	if !o.function.IsRejection(event.AvroName()) {
		o.t.Fatalf("%s is no rejection; its Event resource says rejection: true if it is one", event.AvroName())
	}
	return o.Then(event)
}

// ThenState says what the state is afterwards; nil says that there is none.
func (o *Outcome) ThenState(state evento.Record) *Outcome {
	o.t.Helper()
	o.answered()
	var wanted []byte
	if state != nil {
		encoded, err := roundTrip(state)
		if err != nil {
			o.t.Fatal(err)
		}
		wanted = encoded
	}
	if (wanted == nil) != (o.after == nil) || !bytes.Equal(wanted, o.after) {
		o.t.Fatalf("the state is\n%s\ninstead of\n%s", shownState(o.function, o.after), shown(state))
	}
	return o
}

// Unchanged says that the state afterwards is what it was.
func (o *Outcome) Unchanged() *Outcome {
	o.t.Helper()
	o.answered()
	if (o.before == nil) != (o.after == nil) || !bytes.Equal(o.before, o.after) {
		o.t.Fatalf("the state became\n%s\nfrom\n%s", shownState(o.function, o.after), shownState(o.function, o.before))
	}
	return o
}

// ThenFails says that the function fails technically: an error, a panic, or an answer that Evento would refuse. It
// gives the failure for further looking.
func (o *Outcome) ThenFails() *evento.Failure {
	o.t.Helper()
	if o.failure == nil {
		o.t.Fatalf("%s did not fail but was answered by\n%s", o.command.AvroName(), o.shown())
	}
	return o.failure
}

// Events are the events of the answer, for further looking.
func (o *Outcome) Events() []evento.Record {
	values := make([]evento.Record, len(o.events))
	for n, event := range o.events {
		values[n] = event.Value
	}
	return values
}

func (o *Outcome) answered() {
	o.t.Helper()
	if o.failure != nil {
		o.t.Fatalf("%s failed (%v): %v", o.command.AvroName(), o.failure.Kind, o.failure)
	}
}

func (o *Outcome) shown() string {
	if o.failure != nil {
		return "  " + o.failure.Error()
	}
	var text bytes.Buffer
	for _, event := range o.events {
		fmt.Fprintln(&text, shown(event.Value))
	}
	return text.String()
}

func sameEvents(a, b []evento.Emitted) bool {
	if len(a) != len(b) {
		return false
	}
	for n := range a {
		if a[n].Name != b[n].Name || !bytes.Equal(a[n].Payload, b[n].Payload) {
			return false
		}
	}
	return true
}
