// The rules of the conformance kit that need no process of their own, as tests of the probe.

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	evento "evento.dev/sdk/go"
	"evento.dev/sdk/go/eventotest"
	"evento.dev/sdk/go/probe/conformance"
)

const golden = "../../conformance/golden/"

func goldenHex(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(golden + name)
	if err != nil {
		t.Fatal(err)
	}
	return unhex(t, string(text))
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	decoded, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

func goldenJSON(t testing.TB, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(golden + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

func probe() *evento.Function { return conformance.NewProbeFunction(Probe{}) }

func encoded(t testing.TB, value evento.Record) []byte {
	t.Helper()
	payload, err := evento.Encode(value)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

// S01
func TestEverythingGoesInAndOutByteForByte(t *testing.T) {
	for _, name := range []string{"zero", "low", "high", "mixed", "special", "mixed-loose"} {
		in, out := goldenHex(t, "everything-"+name+".hex"), goldenHex(t, "everything-"+strings.TrimSuffix(name, "-loose")+".hex")
		events, err := probe().Decide("evento.conformance.Echo", in, nil, evento.Context{})
		if err != nil || len(events) != 1 || !bytes.Equal(events[0].Payload, out) {
			t.Errorf("%s: %v, %x", name, err, events)
		}
		for end := range in {
			if _, err := evento.Decode[conformance.Everything](in[:end]); err == nil {
				t.Errorf("%s is read when cut at %d", name, end)
			}
		}
	}
}

// S02
func TestManyEventsComeInOrderAndNoneIsRefused(t *testing.T) {
	eventotest.Given(t, probe()).When(conformance.EmitMany{N: 3}).Then(
		conformance.Noted{Number: 0, Text: "note 0"}, conformance.Noted{Number: 1, Text: "note 1"},
		conformance.Noted{Number: 2, Text: "note 2"})
	for _, n := range []int32{0, -1} {
		if failure := eventotest.Given(t, probe()).When(conformance.EmitMany{N: n}).ThenFails(); failure.Kind != evento.Contract {
			t.Errorf("%d: %v", n, failure.Kind)
		}
	}
}

// S03
func TestARejectionIsAppliedOnlyIfItIsListed(t *testing.T) {
	before := conformance.Probe{Count: 5, Totals: map[string]int64{}}
	eventotest.GivenState(t, probe(), before).When(conformance.Reject{Reason: "no"}).
		ThenRejected(conformance.Rejected{Reason: "no"}).Unchanged()
	eventotest.GivenState(t, probe(), before).When(conformance.RejectAndCount{Reason: "no"}).
		ThenRejected(conformance.RejectedAndCounted{Reason: "no"}).
		ThenState(conformance.Probe{Count: 6, Rejections: 1})
	eventotest.GivenState(t, probe(), before).When(conformance.ExpectCount{Count: 5}).
		Then(conformance.Noted{Number: 1, Text: "as expected"})
	eventotest.Given(t, probe()).When(conformance.ExpectCount{Count: 5}).
		ThenRejected(conformance.Rejected{Reason: "the count is 0"})
}

// S04
func TestAnInstanceEndsAndBeginsAnew(t *testing.T) {
	noted := conformance.Noted{Number: 1, Text: "x"}
	eventotest.Given(t, probe(), noted).When(conformance.End{}).Then(conformance.Ended{}).ThenState(nil)
	eventotest.Given(t, probe(), noted, conformance.Ended{}).When(conformance.EmitMany{N: 1}).
		ThenState(conformance.Probe{Count: 1, Digest: 42})
}

// S05
func TestFailuresHaveKindAndTitle(t *testing.T) {
	thrown := eventotest.Given(t, probe()).When(conformance.Throw{Message: "oh dear"}).ThenFails()
	if thrown.Kind != evento.Retry || !strings.Contains(thrown.Title, "oh dear") {
		t.Errorf("%v %s", thrown.Kind, thrown.Title)
	}
	poison := eventotest.Given(t, probe()).When(conformance.Poison{Message: "never"}).ThenFails()
	if poison.Kind != evento.Poisoned || poison.Title != "never" {
		t.Errorf("%v %s", poison.Kind, poison.Title)
	}
}

// S07
func TestTheContextIsThatOfTheGoldenVectors(t *testing.T) {
	var file struct {
		Vectors []struct {
			EntityID, Seq, CommandID, Seed, ContextSeen string
			Time                                        int64
		}
	}
	goldenJSON(t, "context.json", &file)
	if len(file.Vectors) < 2 {
		t.Fatal("too few vectors")
	}
	for _, v := range file.Vectors {
		seq, err := strconv.ParseInt(v.Seq, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		cx := evento.Context{EntityID: v.EntityID, Seq: seq, CommandID: v.CommandID, Time: time.UnixMilli(v.Time).UTC()}
		copy(cx.Seed[:], unhex(t, v.Seed))
		events, err := probe().Decide("evento.conformance.Context", nil, nil, cx)
		if err != nil || hex.EncodeToString(events[0].Payload) != v.ContextSeen {
			t.Errorf("%v, %x", err, events)
		}
	}
}

// S08
func TestMapKeysAreSorted(t *testing.T) {
	entries := map[string]int64{}
	for n := range 100 {
		entries[fmt.Sprintf("key %d é", n*7919%1000)] = int64(n)
	}
	first := encoded(t, conformance.Mapped{Entries: entries})
	last := ""
	r := evento.NewReader(first)
	for b := r.Blocks(2); b.Next(); r.Long() {
		key := r.String()
		if key <= last {
			t.Fatalf("%q comes after %q", key, last)
		}
		last = key
	}
	if r.End() != nil {
		t.Fatal(r.Err())
	}
	eventotest.Given(t, probe()).When(conformance.Maps{Entries: entries}).Then(conformance.Mapped{Entries: entries})
}

// batch writes a RunRequest by hand.
type batch struct{ evento.Writer }

func (b *batch) work(ref int32, seq int64, state []byte, isEvent bool, want, steps int) {
	b.Int(ref)
	b.String("i")
	b.Long(seq)
	b.Index(map[bool]int{true: 1, false: 0}[state != nil])
	if state != nil {
		b.PutBytes(state)
	}
	b.Bool(false)
	if isEvent {
		written := b.Bytes()
		written[len(written)-1] = 2
	}
	b.Index(want)
	b.Begin(steps)
}

func (b *batch) step(t testing.TB, value evento.Record, seed []byte) {
	b.String(value.AvroName())
	b.PutBytes(encoded(t, value))
	b.String("id")
	b.Long(1_795_413_600_000)
	b.PutBytes(seed)
	b.Begin(0)
	b.End()
}

func (b *batch) end() { b.End() }

type result struct {
	events, states int
	failed         bool
	failedAt       int64
	kind           int
	last           []byte
}

// asked runs works of one request and takes the reply apart.
func asked(t testing.TB, entity string, count int, write func(*batch)) []result {
	t.Helper()
	var b batch
	b.String(entity)
	b.Begin(count)
	write(&b)
	b.End()
	server, err := evento.NewServer(evento.Options{}, probe())
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequestWithContext(context.Background(), "POST", "/run", bytes.NewReader(b.Bytes()))
	request.Header.Set("Content-Type", "application/vnd.evento.run.v1+avro")
	w := httptest.NewRecorder()
	server.ServeHTTP(w, request)
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return results(t, w.Body.Bytes())
}

func results(t testing.TB, body []byte) (all []result) {
	t.Helper()
	r := evento.NewReader(body)
	for works := r.Blocks(3); works.Next(); {
		var one result
		if ref := r.Int(); ref != int32(100+len(all)) {
			t.Fatalf("ref %d", ref)
		}
		for outcomes := r.Blocks(2); outcomes.Next(); {
			for events := r.Blocks(2); events.Next(); one.events++ {
				_, _ = r.String(), r.Bytes()
			}
			for states := r.Blocks(1); states.Next(); one.states++ {
				if one.last = nil; r.Index(2) == 1 {
					one.last = r.Bytes()
				}
			}
		}
		if one.failed = r.Index(2) == 1; one.failed {
			one.failedAt, one.kind = r.Long(), r.Index(3)
			_, _ = r.String(), r.String()
		}
		all = append(all, one)
	}
	if err := r.End(); err != nil {
		t.Fatal(err)
	}
	return all
}

var seed = make([]byte, 16)

// S09
func TestChainedStepsGiveWhatWasAskedFor(t *testing.T) {
	for want, states := range []int{0, 1, 3} {
		all := asked(t, "evento.conformance.Probe", 1, func(b *batch) {
			b.work(100, 0, nil, false, want, 2)
			b.step(t, conformance.EmitMany{N: 2}, seed)
			b.step(t, conformance.EmitMany{N: 1}, seed)
			b.end()
		})
		if all[0].events != 3 || all[0].states != states || all[0].failed {
			t.Errorf("want %d: %+v", want, all)
		}
	}
}

func TestAFailureAtAStepLeavesTheOutcomesBeforeIt(t *testing.T) {
	all := asked(t, "evento.conformance.Probe", 3, func(b *batch) {
		b.work(100, 0, nil, false, 2, 3)
		b.step(t, conformance.EmitMany{N: 2}, seed)
		b.step(t, conformance.Break{Message: "oh"}, seed)
		b.step(t, conformance.EmitMany{N: 2}, seed)
		b.end()
		b.work(101, 0, nil, false, 2, 1)
		b.step(t, conformance.ExpectCount{Count: 0}, seed)
		b.end()
		b.work(102, 0, []byte{1, 2}, false, 2, 1)
		b.step(t, conformance.EmitMany{N: 1}, seed)
		b.end()
	})
	wanted := []result{
		{events: 2, states: 2, failed: true, failedAt: 1, kind: int(evento.Retry)}, {events: 1, states: 1},
		{failed: true, kind: int(evento.Contract)},
	}
	for n := range all {
		all[n].last = nil
		if fmt.Sprint(all[n]) != fmt.Sprint(wanted[n]) {
			t.Errorf("%+v instead of %+v", all[n], wanted[n])
		}
	}
}

func TestUnknownNamesAreContractFailures(t *testing.T) {
	for _, entity := range []string{"evento.conformance.Probe", "evento.conformance.Nothing"} {
		all := asked(t, entity, 2, func(b *batch) {
			b.work(100, 0, nil, false, 2, 1)
			b.step(t, conformance.Noted{Text: "an event is no command"}, seed)
			b.end()
			b.work(101, 0, nil, true, 2, 1)
			b.step(t, conformance.End{}, nil)
			b.end()
		})
		for _, one := range all {
			if !one.failed || one.kind != int(evento.Contract) {
				t.Errorf("%+v", one)
			}
		}
	}
}

// replayed is event number i of the replay of S10.
func replayed(t testing.TB, i int) evento.Record {
	switch {
	case i == 4999:
		return conformance.Ended{}
	case i%100 == 99:
		value, err := evento.Decode[conformance.Everything](goldenHex(t, "everything-zero.hex"))
		if err != nil {
			t.Fatal(err)
		}
		value.AnInt, value.ALong, value.AString = int32(i), int64(i)<<32, fmt.Sprintf("echo %d", i)
		value.ADouble, value.Longs = float64(i)/4, map[string]int64{"i": int64(i)}
		for range i / 100 % 5 {
			value.List = &conformance.Inner{Name: "n", Next: value.List}
		}
		return conformance.Echoed{Value: value}
	case i%10 == 9:
		entries := map[string]int64{}
		for j := range i % 7 {
			entries[fmt.Sprintf("k%d", j)] = int64(i * j)
		}
		return conformance.Mapped{Entries: entries}
	case i%10 == 4:
		return conformance.RejectedAndCounted{Reason: fmt.Sprintf("no %d", i)}
	}
	return conformance.Noted{Number: int32(i * 7919 % 104729), Text: fmt.Sprintf("event %d é", i)}
}

// S10
func TestAReplayOfTenThousandEventsEndsInTheGoldenState(t *testing.T) {
	var file struct {
		States map[string]*string
		Digest string
	}
	goldenJSON(t, "replay.json", &file)
	var state []byte
	for from := 0; from < 10_000; {
		to := from + 1
		for ; to < 10_000 && to-from < 1_250; to++ {
			if _, is := file.States[strconv.Itoa(to)]; is {
				break
			}
		}
		all := asked(t, "evento.conformance.Probe", 1, func(b *batch) {
			b.work(100, int64(from), state, true, 1, to-from)
			for i := from; i < to; i++ {
				b.step(t, replayed(t, i), nil)
			}
			b.end()
		})
		if all[0].failed || all[0].states != 1 {
			t.Fatalf("%+v", all[0])
		}
		state, from = all[0].last, to
		if wanted, is := file.States[strconv.Itoa(to)]; is {
			if (wanted == nil) != (state == nil) || wanted != nil && *wanted != hex.EncodeToString(state) {
				t.Fatalf("after %d events the state is %x", to, state)
			}
		}
	}
	if digest := sha256.Sum256(state); hex.EncodeToString(digest[:]) != file.Digest {
		t.Fatalf("the last state is %x", state)
	}
}

// FuzzEverything reads random bytes: no panic, and what is read has canonical bytes that are read again.
func FuzzEverything(f *testing.F) {
	for _, name := range []string{"zero", "low", "high", "mixed", "special", "mixed-loose"} {
		f.Add(goldenHex(f, "everything-"+name+".hex"))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		value, err := evento.Decode[conformance.Everything](in)
		if err != nil {
			return
		}
		out := encoded(t, value)
		again, err := evento.Decode[conformance.Everything](out)
		if err != nil || !bytes.Equal(encoded(t, again), out) {
			t.Fatalf("%x became %x, %v", in, out, err)
		}
	})
}

func TestValuesThatCannotBeWrittenAreErrors(t *testing.T) {
	chain := &conformance.Inner{Name: "itself"}
	chain.Next = chain
	for name, change := range map[string]func(*conformance.Everything){
		"an enum that is none":    func(v *conformance.Everything) { v.AnEnum = "PINK" },
		"a union of nothing":      func(v *conformance.Everything) { v.Either = nil },
		"a record within itself":  func(v *conformance.Everything) { v.List = chain },
		"a text that is no UTF-8": func(v *conformance.Everything) { v.AString = "\xff" },
		"too many digits":         func(v *conformance.Everything) { v.FixedDecimal = evento.NewDecimal(1, 3) },
		"a time too far away":     func(v *conformance.Everything) { v.TimestampMicros = time.Unix(1<<60, 0) },
	} {
		value, err := evento.Decode[conformance.Everything](goldenHex(t, "everything-zero.hex"))
		if err != nil {
			t.Fatal(err)
		}
		change(&value)
		if _, err := evento.Encode(value); err == nil {
			t.Errorf("%s was written", name)
		}
	}
}

func TestFailuresKeepTheirCause(t *testing.T) {
	cause := errors.New("cause")
	var failure *evento.Failure
	if err := evento.Poison(fmt.Errorf("never: %w", cause)); !errors.Is(err, cause) || !errors.As(err, &failure) {
		t.Fatalf("%v", err)
	}
}
