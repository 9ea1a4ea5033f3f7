// The plain framing: one command or event per request. Several at once are in fold.go.

package evento

import (
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// handle answers a command in the plain framing. Source: function-protocol 6.1.
func (s *Server) handle(limit limit, w http.ResponseWriter, r *http.Request, body []byte) {
	name := strings.TrimPrefix(r.URL.Path, "/handle/")
	function := s.handlers[name]
	if function == nil {
		answer(w, problem{status: http.StatusNotFound, title: "unknown command " + name})
		return
	}
	payload, state, has, why := split(function.handlers[name].read, body)
	if why != "" {
		answer(w, problem{status: http.StatusBadRequest, title: "the body cannot be read", detail: why})
		return
	}
	cx, why := contextOf(r.Header)
	if why != "" {
		answer(w, problem{status: http.StatusBadRequest, title: "a header is missing or malformed", detail: why})
		return
	}
	fold := folds.Get().(*fold)
	defer fold.release()
	failure := guarded(cx, func() *Failure {
		return function.handle(&fold.step, []byte(name), payload, state, has, cx)
	})
	switch {
	case limit.over():
		tooLate()
	case failure != nil:
		failed(w, failure)
	case len(fold.step.events) == 1:
		w.Header().Set("Evento-Event", fold.step.events[0].name)
		send(w, datumType, fold.step.out.bytes)
	default:
		fold.reply.Reset()
		fold.reply.events(&fold.step)
		send(w, eventsType, fold.reply.bytes)
	}
}

// apply answers an event in the plain framing.
func (s *Server) apply(limit limit, w http.ResponseWriter, r *http.Request, body []byte) {
	name := strings.TrimPrefix(r.URL.Path, "/apply/")
	function := s.appliers[name]
	if function == nil {
		answer(w, problem{status: http.StatusNotFound, title: "unknown event " + name})
		return
	}
	applier := function.appliers[name]
	payload, state, has, why := split(applier.read, body)
	if why != "" {
		answer(w, problem{status: http.StatusBadRequest, title: "the body cannot be read", detail: why})
		return
	}
	id, ok := unpercent(r.Header.Get("Evento-Entity-Id"))
	accepted, err := time.Parse(time.RFC3339Nano, r.Header.Get("Evento-Time"))
	if err != nil || !ok {
		why := "Evento-Time must be as 2026-11-23T06:00:00.000Z, Evento-Entity-Id percent-encoded UTF-8"
		answer(w, problem{status: http.StatusBadRequest, title: "a header is missing or malformed", detail: why})
		return
	}
	var state2 Writer
	failure := guarded(Context{EntityID: id}, func() (failure *Failure) {
		has, failure = applier.apply(&state2, payload, state, has, ApplyContext{EntityID: id, Time: accepted.UTC()})
		return failure
	})
	switch {
	case limit.over():
		tooLate()
	case failure != nil:
		failed(w, failure)
	case !has:
		w.WriteHeader(http.StatusNoContent)
	default:
		send(w, datumType, state2.bytes)
	}
}

// guarded makes a failure of a panic.
func guarded(cx Context, do func() *Failure) (failure *Failure) {
	defer func() {
		if value := recover(); value != nil {
			failure = loggedPanic(value, cx)
		}
	}()
	return do()
}

// split finds where the payload ends and the state begins: the payload's own codec tells. why is empty when it fits.
func split(read func(*Reader), body []byte) (payload, state []byte, has bool, why string) {
	r := NewReader(body)
	read(r)
	payload = body[:r.at]
	has = r.Index(2) == 1
	if r.err != nil {
		return nil, nil, false, r.err.Error()
	}
	state = body[r.at:]
	if !has && len(state) > 0 {
		return nil, nil, false, "bytes are left over after a state that is null"
	}
	return payload, state, has, ""
}

// contextOf reads the headers of a command. why is empty when all are there.
func contextOf(headers http.Header) (cx Context, why string) {
	var fine [5]bool
	cx.EntityID, fine[0] = unpercent(headers.Get("Evento-Entity-Id"))
	cx.CommandID, fine[1] = unpercent(headers.Get("Evento-Id"))
	accepted, err := time.Parse(time.RFC3339Nano, headers.Get("Evento-Time"))
	cx.Time, fine[2] = accepted.UTC(), err == nil
	cx.Seq, err = strconv.ParseInt(headers.Get("Evento-Seq"), 10, 64)
	fine[3] = err == nil && cx.Seq >= 0
	seed := headers.Get("Evento-Seed")
	if len(seed) == 2*len(cx.Seed) {
		_, err = hex.Decode(cx.Seed[:], []byte(seed))
		fine[4] = err == nil
	}
	cx.call = new(call)
	for n, is := range fine {
		if !is {
			return cx, [...]string{
				"Evento-Entity-Id must be percent-encoded UTF-8", "Evento-Id must be percent-encoded UTF-8",
				"Evento-Time must be as 2026-11-23T06:00:00.000Z", "Evento-Seq must be the number of events",
				"Evento-Seed must be 32 hex digits",
			}[n]
		}
	}
	return cx, ""
}

// unpercent reads percent-encoded UTF-8; a plus sign is one.
func unpercent(text string) (string, bool) {
	decoded, err := url.PathUnescape(text)
	return decoded, err == nil && strings.ToValidUTF8(decoded, "") == decoded
}
