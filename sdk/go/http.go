// The routes, the bodies and the problems of the server. Listening and stopping are in server.go.

package evento

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	manifestType = "application/vnd.evento.manifest.v1+json"
	runType      = "application/vnd.evento.run.v1+avro"
	eventsType   = "application/vnd.evento.events.v1+avro"
	datumType    = "avro/binary"
	problemType  = "application/problem+json"
)

// deadlineMax is the longest deadline that Evento gives; it is also used when a request says none.
const deadlineMax = 15 * time.Minute

// problem is an answer that is no result: RFC 9457.
type problem struct {
	status        int
	title, detail string
	// fingerprint groups equal failures.
	fingerprint string
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	headers := w.Header()
	if call := r.Header.Get("Evento-Call"); call != "" {
		headers.Set("Evento-Call", call)
	}
	headers.Set("Evento-Manifest", s.digest)
	s.inFlight.Add(1)
	defer s.inFlight.Add(-1)
	if s.stopping.Load() {
		headers.Set("Connection", "close")
		answer(w, problem{status: http.StatusServiceUnavailable, title: "this function is stopping"})
		return
	}
	if theirs := r.Header.Get("Evento-Instance"); s.instance != "" && theirs != "" && theirs != s.instance {
		answer(w, problem{status: http.StatusConflict, title: "this is another instance"})
		return
	}
	switch {
	case r.URL.Path == "/ready" && r.Method == http.MethodGet:
		headers.Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "ready\n")
	case r.URL.Path == "/.well-known/evento" && r.Method == http.MethodGet:
		s.discover(w, r)
	case r.URL.Path == "/run":
		s.post(w, r, runType, s.run)
	case strings.HasPrefix(r.URL.Path, "/handle/"):
		s.post(w, r, datumType, s.handle)
	case strings.HasPrefix(r.URL.Path, "/apply/"):
		s.post(w, r, datumType, s.apply)
	default:
		answer(w, problem{status: http.StatusNotFound, title: "no such path", detail: r.Method + " " + r.URL.Path})
	}
}

// discover serves the manifest.
func (s *Server) discover(w http.ResponseWriter, r *http.Request) {
	tag := `"` + s.digest + `"`
	w.Header().Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", manifestType)
	_, _ = w.Write(s.manifest)
}

// post reads the body of a call and hands it over with the call's deadline.
func (s *Server) post(
	w http.ResponseWriter, r *http.Request, mediaType string, do func(limit, http.ResponseWriter, *http.Request, []byte),
) {
	limit := limit{time.Now().Add(timeLeft(r)), r.Context()}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		answer(w, problem{status: http.StatusMethodNotAllowed, title: "only POST is answered here"})
		return
	}
	if given, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.TrimSpace(given) != mediaType {
		title := "the body must be of the type " + mediaType
		answer(w, problem{status: http.StatusUnsupportedMediaType, title: title, detail: "it is said to be " + given})
		return
	}
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	default:
		title := fmt.Sprintf("%d requests are in flight already", s.options.InFlightMax)
		answer(w, problem{status: http.StatusServiceUnavailable, title: title})
		return
	}
	body := bodies.Get().(*[]byte)
	defer releaseBody(body)
	if refused := s.gather(body, w, r); refused != nil {
		w.Header().Set("Connection", "close")
		answer(w, *refused)
		return
	}
	if !s.identity.accept(w, r, *body) {
		return
	}
	do(limit, w, r, *body)
}

// bodies are kept for the next request.
var bodies = sync.Pool{New: func() any { return new([]byte) }}

func releaseBody(body *[]byte) {
	if cap(*body) <= keptBytesMax {
		bodies.Put(body)
	}
}

// gather reads a body of at most Options.BodyBytesMax bytes; never more than was really sent is made room for.
func (s *Server) gather(body *[]byte, w http.ResponseWriter, r *http.Request) *problem {
	// The server's own ReadTimeout would go on after the body and end a long call.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(s.readMax))
	defer func() { _ = control.SetReadDeadline(time.Time{}) }()
	limit := int64(s.options.BodyBytesMax)
	whole := (*body)[:0]
	from := io.LimitReader(r.Body, limit+1)
	for r.ContentLength <= limit {
		if len(whole) == cap(whole) {
			whole = append(whole, make([]byte, max(512, len(whole)))...)[:len(whole)]
		}
		n, err := from.Read(whole[len(whole):cap(whole)])
		whole = whole[:len(whole)+n]
		*body = whole
		if int64(len(whole)) > limit {
			break
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return &problem{status: http.StatusBadRequest, title: "the request ends in the middle", detail: err.Error()}
		}
	}
	title := fmt.Sprintf("the request is larger than %d bytes", limit)
	return &problem{status: http.StatusRequestEntityTooLarge, title: title}
}

// timeLeft is what Evento-Timeout-Ms says.
func timeLeft(r *http.Request) time.Duration {
	ms, err := strconv.ParseInt(r.Header.Get("Evento-Timeout-Ms"), 10, 64)
	if err != nil || ms < 0 || ms > deadlineMax.Milliseconds() {
		return deadlineMax
	}
	return time.Duration(ms) * time.Millisecond
}

// run answers a batch.
func (s *Server) run(limit limit, w http.ResponseWriter, _ *http.Request, body []byte) {
	fold := folds.Get().(*fold)
	defer fold.release()
	reply, err := fold.run(limit, s.functions, body)
	switch {
	case limit.over():
		tooLate()
	case err != nil:
		answer(w, problem{status: http.StatusBadRequest, title: "the envelope cannot be read", detail: err.Error()})
	default:
		send(w, runType, reply)
	}
}

// tooLate answers nothing: Evento has given the call up, and a late answer could be taken for that to another.
func tooLate() { panic(http.ErrAbortHandler) }

// send answers 200.
func send(w http.ResponseWriter, mediaType string, body []byte) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeMax))
	headers := w.Header()
	headers.Set("Content-Type", mediaType)
	headers.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}

// answer answers what is no result.
func answer(w http.ResponseWriter, p problem) {
	told := map[string]any{"type": "about:blank", "title": cut(p.title, titleBytesMax), "status": p.status}
	if p.detail != "" {
		told["detail"] = cut(p.detail, detailBytesMax)
	}
	if p.status == http.StatusUnprocessableEntity {
		told["evento-retry"] = false
	}
	if p.fingerprint != "" {
		told["evento-fingerprint"] = p.fingerprint
	}
	body, _ := json.Marshal(told)
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.status)
	_, _ = w.Write(body)
}

// failed answers a failure in the plain framing.
func failed(w http.ResponseWriter, failure *Failure) {
	status := [...]int{http.StatusInternalServerError, http.StatusUnprocessableEntity, http.StatusBadRequest}[failure.Kind]
	hash := fnv.New64a()
	_, _ = fmt.Fprintf(hash, "%T %s", failure.cause, failure.place)
	answer(w, problem{
		status: status, title: failure.Title, detail: failure.Detail, fingerprint: fmt.Sprintf("%016x", hash.Sum64()),
	})
}

// showsDetail says whether stacks are told to Evento and not only to the log.
func showsDetail() bool {
	return os.Getenv("EVENTO_DEV") == "1" || os.Getenv("EVENTO_ERROR_DETAIL") == "full"
}
