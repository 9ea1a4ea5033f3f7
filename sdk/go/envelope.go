// The two envelopes of the batch framing, read and written in place. What is in a payload is not its concern.

package evento

import "errors"

const (
	// worksMax and stepsMax bound a request, as Evento bounds it.
	worksMax = 512
	stepsMax = 5_000
)

// What a work asks to be given back of its states.
const (
	wantNone = iota
	wantFinal
	wantEach
)

// request is a RunRequest. Its parts share memory with the body. Source: function-protocol 6.2.
type request struct {
	entity []byte
	works  []work
	// steps of all works, one after the other.
	steps []workStep
}

// work is what shall be done for one instance.
type work struct {
	ref       int32
	entityID  []byte
	seq       int64
	state     []byte
	has       bool
	isCommand bool
	want      int
	// Where its steps begin and end.
	from, to int
}

// workStep is a command to decide or an event to apply.
type workStep struct {
	name, payload, id, seed []byte
	time                    int64
}

// read takes a body apart. All of it is read before anything is done.
func (q *request) read(r *Reader) error {
	*q = request{works: q.works[:0], steps: q.steps[:0]}
	q.entity = r.text()
	for b := r.Blocks(8); b.Next(); {
		if len(q.works) == worksMax {
			return errors.New("more than 512 works in a request")
		}
		w := work{ref: r.Int(), entityID: r.text(), seq: r.Long(), from: len(q.steps)}
		if w.has = r.Index(2) == 1; w.has {
			w.state = r.view()
		}
		w.isCommand = r.Index(2) == 0
		w.want = r.Index(3)
		if err := q.readSteps(r); err != nil {
			return err
		}
		w.to = len(q.steps)
		q.works = append(q.works, w)
	}
	return r.End()
}

func (q *request) readSteps(r *Reader) error {
	for b := r.Blocks(6); b.Next(); {
		if len(q.steps) == stepsMax {
			return errors.New("more than 5,000 steps in a request")
		}
		s := workStep{name: r.text(), payload: r.view(), id: r.text(), time: r.Long(), seed: r.view()}
		for meta := r.Blocks(2); meta.Next(); {
			r.text()
			r.text()
		}
		q.steps = append(q.steps, s)
	}
	return nil
}

// array appends an array whose items are written already, as one block.
func (w *Writer) array(count int, items []byte) {
	if count > 0 {
		w.Long(int64(count))
		w.bytes = append(w.bytes, items...)
	}
	w.bytes = append(w.bytes, 0)
}

// failure appends the failure of a work, or that there is none.
func (w *Writer) failure(step int, failure *Failure) {
	if failure == nil {
		w.bytes = append(w.bytes, 0)
		return
	}
	w.bytes = append(w.bytes, 2)
	w.Long(int64(step))
	w.Long(int64(failure.Kind))
	w.name(cut(failure.Title, titleBytesMax))
	w.name(cut(failure.Detail, detailBytesMax))
}

// events appends the envelope of several events.
func (w *Writer) events(step *step) {
	if len(step.events) > 0 {
		w.Long(int64(len(step.events)))
	}
	for _, event := range step.events {
		w.name(event.name)
		w.PutBytes(step.payload(event))
	}
	w.bytes = append(w.bytes, 0)
}
