// That a test fails where it should, and says why.

package eventotest_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	evento "evento.dev/sdk/go"
	"evento.dev/sdk/go/eventotest"
	c "evento.dev/sdk/go/probe/conformance"
)

// fake has the methods that a test sets; the others are not there.
type fake struct {
	c.ProbeFunction
	emit  func(n int32, s *c.Probe, cx evento.Context) (evento.Events[c.EmitManyResult], error)
	noted func(e c.Noted, s *c.Probe) *c.Probe
}

func (f fake) EmitMany(
	command c.EmitMany, s *c.Probe, cx evento.Context,
) (evento.Events[c.EmitManyResult], error) {
	return f.emit(command.N, s, cx)
}

func (f fake) OnNoted(e c.Noted, s *c.Probe, _ evento.ApplyContext) *c.Probe { return f.noted(e, s) }

func (f fake) Context(_ c.Context, _ *c.Probe, cx evento.Context) (evento.Events[c.ContextResult], error) {
	return c.ContextEvents(c.ContextSeen{Time: cx.Time.Add(time.Nanosecond)}), nil
}

func one(n int32, _ *c.Probe, _ evento.Context) (evento.Events[c.EmitManyResult], error) {
	return c.EmitManyEvents(c.Noted{Number: n}), nil
}

func counting(e c.Noted, s *c.Probe) *c.Probe {
	if s == nil {
		s = new(c.Probe)
	}
	s.Count += int64(e.Number)
	return s
}

func function(f fake) *evento.Function {
	if f.emit == nil {
		f.emit = one
	}
	if f.noted == nil {
		f.noted = counting
	}
	return c.NewProbeFunction(f)
}

// recorder is a test that is told to fail.
type recorder struct {
	testing.TB
	said string
}

func (*recorder) Helper() {}

func (r *recorder) Fatalf(format string, values ...any) {
	r.said = fmt.Sprintf(format, values...)
	panic(r)
}

func (r *recorder) Fatal(values ...any) { r.Fatalf("%s", fmt.Sprint(values...)) }

// failing gives what a test says when it fails; empty when it passes.
func failing(t *testing.T, tell func(t testing.TB)) (said string) {
	t.Helper()
	r := &recorder{TB: t}
	defer func() {
		if value := recover(); value != nil && value != any(r) {
			panic(value)
		}
		said = r.said
	}()
	tell(r)
	return ""
}

func TestATestFailsWhereEventoWouldRefuse(t *testing.T) {
	calls := int32(0)
	cases := []struct {
		name  string
		tell  func(t testing.TB)
		words string
	}{
		{"all is well", func(t testing.TB) {
			eventotest.Given(t, function(fake{}), c.Noted{Number: 1}).When(c.EmitMany{N: 2}).
				Then(c.Noted{Number: 2}).ThenState(c.Probe{Count: 3})
		}, ""},
		{"another event", func(t testing.TB) {
			eventotest.Given(t, function(fake{})).When(c.EmitMany{N: 2}).Then(c.Noted{Number: 3})
		}, "event 1 is\n  evento.conformance.Noted {Number: 2, Text: \"\"}\ninstead of\n  evento.conformance.Noted {Number: 3"},
		{"fewer events", func(t testing.TB) {
			eventotest.Given(t, function(fake{})).When(c.EmitMany{N: 2}).Then()
		}, "was answered by 1 events instead of 0"},
		{"another state", func(t testing.TB) {
			eventotest.Given(t, function(fake{})).When(c.EmitMany{N: 2}).ThenState(nil)
		}, "the state is\n  evento.conformance.Probe {Count: 2"},
		{"a changed state", func(t testing.TB) {
			eventotest.Given(t, function(fake{})).When(c.EmitMany{N: 2}).Unchanged()
		}, "from\n  no state"},
		{"no failure", func(t testing.TB) {
			eventotest.Given(t, function(fake{})).When(c.EmitMany{N: 2}).ThenFails()
		}, "did not fail but was answered by"},
		{"a failure", func(t testing.TB) {
			eventotest.Given(t, function(fake{emit: func(int32, *c.Probe, evento.Context) (e evento.Events[c.EmitManyResult], _ error) {
				return e, errors.New("no rates")
			}})).When(c.EmitMany{N: 2}).Then(c.Noted{})
		}, "failed (RETRY): no rates"},
		{"no rejection", func(t testing.TB) {
			eventotest.Given(t, function(fake{})).When(c.EmitMany{N: 2}).ThenRejected(c.Noted{Number: 2})
		}, "is no rejection"},
		{"an event of another entity", func(t testing.TB) {
			eventotest.Given(t, function(fake{}), c.End{}).When(c.EmitMany{N: 2})
		}, "evento.conformance.End is no event of evento.conformance.Probe"},
		{"a decision by chance", func(t testing.TB) {
			eventotest.Given(t, function(fake{emit: func(int32, *c.Probe, evento.Context) (evento.Events[c.EmitManyResult], error) {
				calls++
				return c.EmitManyEvents(c.Noted{Number: calls}), nil
			}})).When(c.EmitMany{N: 2})
		}, "handle gave two answers to one command"},
		{"a decision that changes the state", func(t testing.TB) {
			eventotest.GivenState(t, function(fake{emit: func(n int32, s *c.Probe, cx evento.Context) (evento.Events[c.EmitManyResult], error) {
				s.Count++
				return one(n, s, cx)
			}}), c.Probe{}).When(c.EmitMany{N: 2}).Then(c.Noted{Number: 2})
		}, "handle changed the state it was given"},
		{"apply by chance", func(t testing.TB) {
			eventotest.Given(t, function(fake{noted: func(c.Noted, *c.Probe) *c.Probe {
				calls++
				return &c.Probe{Count: int64(calls)}
			}})).When(c.EmitMany{N: 2})
		}, "gave two states"},
		{"an event that apply cannot take", func(t testing.TB) {
			eventotest.Given(t, function(fake{noted: func(c.Noted, *c.Probe) *c.Probe { panic("oh") }})).When(c.EmitMany{N: 2})
		}, "apply of evento.conformance.Noted failed: the function panicked: oh"},
		{"a value that its schema cannot hold", func(t testing.TB) {
			eventotest.Given(t, function(fake{})).When(c.Context{})
		}, "does not pass through its codec unchanged"},
		{"too many events", func(t testing.TB) {
			eventotest.Given(t, function(fake{emit: func(int32, *c.Probe, evento.Context) (evento.Events[c.EmitManyResult], error) {
				events := make([]c.EmitManyResult, 101)
				for n := range events {
					events[n] = c.Noted{}
				}
				return evento.EventsOf(events), nil
			}})).When(c.EmitMany{N: 2})
		}, "was answered by 101 events"},
		{"a large event", func(t testing.TB) {
			eventotest.Given(t, function(fake{emit: func(int32, *c.Probe, evento.Context) (evento.Events[c.EmitManyResult], error) {
				return c.EmitManyEvents(c.Noted{Text: strings.Repeat("x", 1<<20)}), nil
			}})).When(c.EmitMany{N: 2})
		}, "Evento takes at most 1048576"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			said := failing(t, test.tell)
			if !strings.Contains(said, test.words) || (test.words == "") != (said == "") {
				t.Fatalf("it says %q", said)
			}
		})
	}
}

func TestTheContextIsWhatTheTestSays(t *testing.T) {
	seen := evento.Context{}
	f := function(fake{emit: func(n int32, s *c.Probe, cx evento.Context) (evento.Events[c.EmitManyResult], error) {
		seen = cx
		return one(n, s, cx)
	}})
	at := time.Date(2027, 1, 2, 3, 4, 5, 6_789_000, time.UTC)
	eventotest.Given(t, f, c.Noted{}, c.Noted{}).At(at).Seed([16]byte{1}).ID("a-7").When(c.EmitMany{N: 1})
	if seen.EntityID != "a-7" || seen.Seq != 2 || seen.Seed != [16]byte{1} || !seen.Time.Equal(at.Truncate(time.Millisecond)) {
		t.Fatalf("%+v", seen)
	}
}
