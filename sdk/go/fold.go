// The fold over steps of a batch: decide, evolve, give the states that were asked for. It knows no HTTP.

package evento

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// step is what one step came to: events of a command, and the states that were asked for.
type step struct {
	// out holds the payloads of the events one after the other.
	out    Writer
	events []emitted
	dev    bool
}

// emitted is an event and where its payload is.
type emitted struct {
	name     string
	from, to int
	value    Record
	applier  *applier
}

func (s *step) payload(event emitted) []byte { return s.out.bytes[event.from:event.to] }

// emit appends one event.
func (s *step) emit(event Record) *Failure {
	if event == nil {
		return contract("handle answered nil for an event", "")
	}
	from := len(s.out.bytes)
	event.WriteAvro(&s.out)
	if err := s.out.Err(); err != nil {
		return contract("the event "+event.AvroName()+" cannot be written", "%v", err)
	}
	s.events = append(s.events, emitted{name: event.AvroName(), from: from, to: len(s.out.bytes), value: event})
	return nil
}

// fold does the works of one request; it is kept for the next. Not for several goroutines at once.
type fold struct {
	reader  Reader
	request request
	step    step
	call    call
	// state and next are the instance's state and the one that apply is making.
	state, next Writer
	has         bool
	seq         int64
	// results and outcomes come after their counts, so they are gathered first.
	results, outcomes, reply Writer
}

// keptBytesMax is the largest buffer that is kept for the next request.
const keptBytesMax = 1 << 20

var folds = sync.Pool{New: func() any { return new(fold) }}

func (f *fold) release() {
	for _, w := range []*Writer{&f.step.out, &f.state, &f.next, &f.results, &f.outcomes, &f.reply} {
		if cap(w.bytes) > keptBytesMax {
			w.bytes = nil
		}
	}
	clear(f.request.works)
	clear(f.request.steps)
	clear(f.step.events)
	f.reader.Reset(nil)
	folds.Put(f)
}

// limit says when a request needs no answer any more: its time is over, or nobody waits for it.
type limit struct {
	// The zero time is never over.
	until time.Time
	ctx   context.Context
}

// errOver is what is told instead of an answer that nobody waits for.
var errOver = errors.New("the time of the request is over")

// over asks the clock itself, for a timer of a busy machine fires late.
func (l limit) over() bool {
	return !l.until.IsZero() && !time.Now().Before(l.until) || l.ctx != nil && l.ctx.Err() != nil
}

// run answers a RunRequest. The reply is valid until the fold is used again. The error is either an envelope that
// cannot be read, or errOver: then nothing shall be answered.
func (f *fold) run(limit limit, functions map[string]*Function, body []byte) ([]byte, error) {
	f.reader.Reset(body)
	if err := f.request.read(&f.reader); err != nil {
		return nil, err
	}
	function := functions[string(f.request.entity)]
	f.results.Reset()
	for n := range f.request.works {
		if err := f.work(limit, function, &f.request.works[n]); err != nil {
			return nil, err
		}
	}
	f.reply.Reset()
	f.reply.array(len(f.request.works), f.results.bytes)
	return f.reply.bytes, nil
}

// work does one work; the error is errOver.
func (f *fold) work(limit limit, function *Function, w *work) error {
	f.outcomes.Reset()
	f.state.Reset()
	f.state.bytes = append(f.state.bytes, w.state...)
	f.has, f.seq = w.has, w.seq
	var failure *Failure
	if function == nil {
		failure = contract("unknown entity "+string(f.request.entity), "")
	}
	done := 0
	cx := Context{EntityID: string(w.entityID), call: &f.call}
	for n := w.from; n < w.to && failure == nil; n++ {
		if limit.over() {
			return errOver
		}
		mark := len(f.outcomes.bytes)
		if failure = f.one(function, w, &f.request.steps[n], n+1 == w.to, cx); failure != nil {
			f.outcomes.bytes = f.outcomes.bytes[:mark]
		} else {
			done++
		}
	}
	f.results.Long(int64(w.ref))
	f.results.array(done, f.outcomes.bytes)
	f.results.failure(done, failure)
	return nil
}

// one does one step and appends its outcome. A panic of the author's code is its failure.
func (f *fold) one(function *Function, w *work, s *workStep, last bool, cx Context) (failure *Failure) {
	defer func() {
		if value := recover(); value != nil {
			failure = loggedPanic(value, cx)
		}
	}()
	cx.Time = time.UnixMilli(s.time).UTC()
	if !w.isCommand {
		cx.CommandID = ""
		return f.event(function, w, s, last, cx.ForApply())
	}
	cx.CommandID, cx.Seq = string(s.id), f.seq
	if len(s.seed) != len(cx.Seed) {
		return contract("a seed must have 16 bytes", "it has %d", len(s.seed))
	}
	copy(cx.Seed[:], s.seed)
	f.call = call{}
	if failure := function.handle(&f.step, s.name, s.payload, f.state.bytes, f.has, cx); failure != nil {
		return failure
	}
	f.outcomes.events(&f.step)
	f.seq += int64(len(f.step.events))
	if w.want == wantNone {
		f.outcomes.bytes = append(f.outcomes.bytes, 0)
		return nil
	}
	return f.evolve(w.want, last, cx.ForApply())
}

// evolve applies the events of a command and appends the states that were asked for.
func (f *fold) evolve(want int, last bool, cx ApplyContext) *Failure {
	if want == wantEach {
		f.outcomes.Long(int64(len(f.step.events)))
	}
	for n, event := range f.step.events {
		if event.applier != nil {
			if failure := f.apply(event.applier, f.step.payload(event), cx); failure != nil {
				return failure
			}
		}
		if want == wantEach {
			f.putState()
		} else if last && n+1 == len(f.step.events) {
			f.outcomes.Long(1)
			f.putState()
		}
	}
	f.outcomes.bytes = append(f.outcomes.bytes, 0)
	return nil
}

// event applies one recorded event and appends its outcome.
func (f *fold) event(function *Function, w *work, s *workStep, last bool, cx ApplyContext) *Failure {
	applier := function.appliers[string(s.name)]
	if applier == nil {
		return contract("unknown event "+string(s.name), "this function does not apply it")
	}
	if failure := f.apply(applier, s.payload, cx); failure != nil {
		return failure
	}
	f.outcomes.bytes = append(f.outcomes.bytes, 0)
	if w.want == wantEach || w.want == wantFinal && last {
		f.outcomes.Long(1)
		f.putState()
	}
	f.outcomes.bytes = append(f.outcomes.bytes, 0)
	return nil
}

// apply replaces the state by the one after an event.
func (f *fold) apply(applier *applier, payload []byte, cx ApplyContext) *Failure {
	f.next.Reset()
	has, failure := applier.apply(&f.next, payload, f.state.bytes, f.has, cx)
	if failure != nil {
		return failure
	}
	f.state, f.next, f.has = f.next, f.state, has
	return nil
}

// putState appends the state, or that there is none.
func (f *fold) putState() {
	if !f.has {
		f.outcomes.bytes = append(f.outcomes.bytes, 0)
		return
	}
	f.outcomes.bytes = append(f.outcomes.bytes, 2)
	f.outcomes.PutBytes(f.state.bytes)
}

// handle decides a command; the events are in the step.
func (f *Function) handle(step *step, name, payload, state []byte, has bool, cx Context) *Failure {
	step.out.Reset()
	step.events, step.dev = step.events[:0], f.dev
	handler := f.handlers[string(name)]
	if handler == nil {
		return contract("unknown command "+string(name), "this function does not handle it")
	}
	if failure := handler.decide(step, payload, state, has, cx); failure != nil {
		return failure
	}
	for n := range step.events {
		event := &step.events[n]
		if !slices.Contains(handler.emits, event.name) {
			return contract(string(name)+" was answered by "+event.name, "the command's emits does not list it")
		}
		event.applier = f.appliers[event.name]
	}
	return nil
}

// loggedPanic makes a failure of a panic and writes its stack to the log.
func loggedPanic(value any, cx Context) *Failure {
	failure := panicked(value)
	slog.Error(failure.Title, "command", cx.CommandID, "entity", cx.EntityID, "at", failure.place, "stack", failure.Detail)
	if !showsDetail() {
		failure.Detail = ""
	}
	return failure
}
