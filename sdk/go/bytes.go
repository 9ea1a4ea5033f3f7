// The function over bytes, for hosts other than the server: the test kit, and whoever carries calls another way.

package evento

// Emitted is an event as it goes out.
type Emitted struct {
	// Name is the full name of its type.
	Name string
	// Payload are its bytes.
	Payload []byte
	// Value is what handle answered.
	Value Record
}

// Decide decides a command of these bytes on a state, nil if there is none. It is for tests and other hosts than
// [Serve]: it always watches that handle leaves the state as it is. The error is a *[Failure].
func (f *Function) Decide(command string, payload, state []byte, cx Context) ([]Emitted, error) {
	cx.call = new(call)
	var s step
	watched := *f
	watched.dev = true
	failure := kept(func() *Failure { return watched.handle(&s, []byte(command), payload, state, state != nil, cx) })
	if failure != nil {
		return nil, failure
	}
	events := make([]Emitted, len(s.events))
	for n, event := range s.events {
		events[n] = Emitted{event.name, s.payload(event), event.value}
	}
	return events, nil
}

// Evolve gives the state after an event of these bytes; nil means none, before and after. An event that the function
// does not apply leaves the state as it is. The error is a *[Failure].
func (f *Function) Evolve(event string, payload, state []byte, cx ApplyContext) ([]byte, error) {
	applier := f.appliers[event]
	if applier == nil {
		return state, nil
	}
	out, has := Writer{bytes: []byte{}}, false
	failure := kept(func() (failure *Failure) {
		has, failure = applier.apply(&out, payload, state, state != nil, cx)
		return failure
	})
	if failure != nil {
		return nil, failure
	}
	if !has {
		return nil, nil
	}
	return out.bytes, nil
}

// ReadState reads a state of these bytes, for people to see.
func (f *Function) ReadState(state []byte) (Record, error) { return f.readState(state) }

// Knows says whether an event is one of the entity's.
func (f *Function) Knows(event string) bool {
	for _, handled := range f.manifest.Handles {
		for _, emitted := range handled.Emits {
			if emitted == event {
				return true
			}
		}
	}
	return f.appliers[event] != nil || f.IsRejection(event)
}

// kept makes a failure of a panic and keeps its stack.
func kept(do func() *Failure) (failure *Failure) {
	defer func() {
		if value := recover(); value != nil {
			failure = panicked(value)
		}
	}()
	return do()
}
