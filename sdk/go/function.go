// How the methods of an author become a function over names and bytes. Generated code calls what is here.

package evento

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
)

// Function is an entity's two functions as the server and the test kit see them: names and bytes in, names and bytes
// out. Generated code makes it of what the author wrote. It may be called from several goroutines at once.
type Function struct {
	entity   string
	handlers map[string]*handler
	appliers map[string]*applier
	manifest manifestEntity
	schemas  []json.RawMessage
	// readState reads a state for people to see.
	readState func(state []byte) (Record, error)
	// dev is whether handle is watched for changing the state it was given.
	dev bool
}

// Events are the one or more events that a command is answered with. Generated functions such as
// bank.WithdrawCashEvents make them; the zero value has none and is refused.
type Events[R Record] struct {
	first R
	rest  []R
	some  bool
}

// NewEvents answers these events, in this order. They commit together.
func NewEvents[R Record](first R, rest ...R) Events[R] { return Events[R]{first, rest, true} }

// EventsOf answers the events of a list whose length is not known before. An empty one is refused when it is returned:
// a command is answered by at least one event.
func EventsOf[R Record](list []R) Events[R] {
	if len(list) == 0 {
		return Events[R]{}
	}
	return Events[R]{list[0], list[1:], true}
}

// All are the events in order.
func (e Events[R]) All() []R {
	if !e.some {
		return nil
	}
	return append([]R{e.first}, e.rest...)
}

// Part is one method of an entity's function: what [Handle] and [Apply] make.
type Part[S Record] struct {
	name    string
	handler *handler
	applier *applier
}

// handler decides one command type.
type handler struct {
	// emits are the names of the events it may answer.
	emits []string
	// decide appends events to those of the step.
	decide func(step *step, payload, state []byte, has bool, cx Context) *Failure
	// read reads one command and goes on in the reader.
	read func(r *Reader)
}

// applier applies one event type.
type applier struct {
	// apply appends the state afterwards to out; false when there is none any more.
	apply func(out *Writer, payload, state []byte, has bool, cx ApplyContext) (bool, *Failure)
	read  func(r *Reader)
}

// Handle makes a part of a method that decides a command.
func Handle[C, S, R Record, PC Readable[C], PS Readable[S]](
	decide func(C, *S, Context) (Events[R], error),
) Part[S] {
	var name C
	return Part[S]{name: name.AvroName(), handler: &handler{
		read: readOnly[C, PC],
		decide: func(step *step, payload, state []byte, has bool, cx Context) *Failure {
			command, failure := decoded[C, PC](payload)
			if failure != nil {
				return failure
			}
			before, failure := decodedState[S, PS](state, has)
			if failure != nil {
				return failure
			}
			var was []byte
			if step.dev && has {
				was, _ = Encode(*before)
			}
			events, err := decide(*command, before, cx)
			if err != nil {
				return failureOf(err)
			}
			if step.dev && has && changed(was, *before) {
				return contract("handle changed the state it was given", "only apply makes a new state; handle answers events")
			}
			return emit(step, events)
		},
	}}
}

// Apply makes a part of a method that gives the state after an event.
func Apply[E, S Record, PE Readable[E], PS Readable[S]](apply func(E, *S, ApplyContext) *S) Part[S] {
	var name E
	return Part[S]{name: name.AvroName(), applier: &applier{
		read: readOnly[E, PE],
		apply: func(out *Writer, payload, state []byte, has bool, cx ApplyContext) (bool, *Failure) {
			event, failure := decoded[E, PE](payload)
			if failure != nil {
				return false, failure
			}
			before, failure := decodedState[S, PS](state, has)
			if failure != nil {
				return false, failure
			}
			after := apply(*event, before, cx)
			if after == nil {
				return false, nil
			}
			(*after).WriteAvro(out)
			if err := out.Err(); err != nil {
				return false, contract("the state cannot be written", "%v", err)
			}
			return true, nil
		},
	}}
}

// NewFunction puts an entity's parts together. The manifest is JSON with schemas and one entity, as discovery serves
// them. It panics when parts and manifest do not agree: then the generated code was changed by hand.
func NewFunction[S Record, P Readable[S]](manifest string, parts ...Part[S]) *Function {
	var read struct {
		Schemas  []json.RawMessage `json:"schemas"`
		Entities []manifestEntity  `json:"entities"`
	}
	if err := json.Unmarshal([]byte(manifest), &read); err != nil || len(read.Entities) != 1 {
		panic(fmt.Sprintf("evento: the generated manifest cannot be read: %v; run `evento gen go` again", err))
	}
	f := &Function{
		entity:    read.Entities[0].Name,
		handlers:  map[string]*handler{},
		appliers:  map[string]*applier{},
		manifest:  read.Entities[0],
		schemas:   read.Schemas,
		readState: func(state []byte) (Record, error) { return Decode[S, P](state) },
		dev:       os.Getenv("EVENTO_DEV") == "1",
	}
	for _, part := range parts {
		if part.handler != nil {
			f.handlers[part.name] = part.handler
		} else {
			f.appliers[part.name] = part.applier
		}
	}
	f.agree()
	return f
}

// agree compares the parts with the manifest.
func (f *Function) agree() {
	for _, handled := range f.manifest.Handles {
		if f.handlers[handled.Command] == nil {
			panic("evento: no method handles " + handled.Command + "; run `evento gen go` again")
		}
		f.handlers[handled.Command].emits = handled.Emits
	}
	for _, event := range f.manifest.Applies {
		if f.appliers[event] == nil {
			panic("evento: no method applies " + event + "; run `evento gen go` again")
		}
	}
	if len(f.handlers) != len(f.manifest.Handles) || len(f.appliers) != len(f.manifest.Applies) {
		panic("evento: the manifest of " + f.entity + " lacks a method's command or event; run `evento gen go` again")
	}
}

// StateVersion sets the version of the state, 1 if it is not set. Raise it when apply's code changes meaning: Evento
// then makes all states anew from their events.
func (f *Function) StateVersion(version int) *Function {
	f.manifest.StateVersion = version
	return f
}

// Entity is the full name of the entity.
func (f *Function) Entity() string { return f.entity }

// IsRejection says whether an event says no.
func (f *Function) IsRejection(event string) bool {
	return slices.Contains(f.manifest.Rejections, event)
}

// readOnly reads one value for where it ends.
func readOnly[T any, P Readable[T]](r *Reader) { P(new(T)).ReadAvro(r) }

func decoded[T any, P Readable[T]](payload []byte) (*T, *Failure) {
	value := new(T)
	if err := decode(payload, P(value)); err != nil {
		return nil, contract("undecodable payload", "%v", err)
	}
	return value, nil
}

func decodedState[S any, P Readable[S]](state []byte, has bool) (*S, *Failure) {
	if !has {
		return nil, nil
	}
	value := new(S)
	if err := decode(state, P(value)); err != nil {
		return nil, contract("undecodable state", "%v", err)
	}
	return value, nil
}

// changed says whether a value has other bytes than it had.
func changed(was []byte, value Record) bool {
	now, err := Encode(value)
	return err != nil || string(now) != string(was)
}

// emit appends the answer's events to the step.
func emit[R Record](step *step, events Events[R]) *Failure {
	if !events.some {
		return contract("handle answered no event", "every command is answered by one or more events")
	}
	if failure := step.emit(events.first); failure != nil {
		return failure
	}
	for _, event := range events.rest {
		if failure := step.emit(event); failure != nil {
			return failure
		}
	}
	return nil
}
