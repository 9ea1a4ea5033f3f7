// The golden identity, and everything that does not fit.

package evento

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type identityVector struct {
	KeyID, PublicKey, SecretKey, Keys, Token string
	Request                                  struct{ Method, Path, Call, Revision string }
}

// asked gives the status of a request with these changes, at a time.
func asked(t *testing.T, s *Server, v identityVector, token string, body []byte, change map[string]string) int {
	t.Helper()
	path := v.Request.Path
	if other := change["path"]; other != "" {
		path = other
	}
	r := httptest.NewRequest(v.Request.Method, path, bytes.NewReader(body))
	r.Header.Set("Content-Type", runType)
	r.Header.Set("Evento-Call", v.Request.Call)
	r.Header.Set("Evento-Revision", v.Request.Revision)
	r.Header.Set("Evento-Identity", token)
	for name, value := range change {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Code
}

func identityServer(t *testing.T, v identityVector, now int64) *Server {
	t.Helper()
	t.Setenv("EVENTO_IDENTITY_KEYS", v.Keys)
	s, err := NewServer(Options{}, goldenBank(received))
	if err != nil {
		t.Fatal(err)
	}
	s.identity.now = func() time.Time { return time.Unix(now, 0) }
	return s
}

func TestTheGoldenIdentityIsAcceptedOnce(t *testing.T) {
	var v identityVector
	goldenJSON(t, "identity.json", &v)
	body := golden(t, "run-request.hex")
	for _, now := range []int64{1795413540, 1795413720} {
		s := identityServer(t, v, now)
		if status := asked(t, s, v, v.Token, body, nil); status != 200 {
			t.Fatalf("at %d it is answered %d", now, status)
		}
		if status := asked(t, s, v, v.Token, body, nil); status != 401 {
			t.Fatalf("a second time it is answered %d", status)
		}
	}
}

func TestAnIdentityThatDoesNotFitIsRefused(t *testing.T) {
	var v identityVector
	goldenJSON(t, "identity.json", &v)
	body := golden(t, "run-request.hex")
	parts := strings.Split(v.Token, ".")
	forged := func(header string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + parts[1] + "." + parts[2]
	}
	cases := map[string]struct {
		token  string
		now    int64
		body   []byte
		change map[string]string
	}{
		"none":             {"", 1795413600, body, nil},
		"other call":       {v.Token, 1795413600, body, map[string]string{"Evento-Call": "00"}},
		"other revision":   {v.Token, 1795413600, body, map[string]string{"Evento-Revision": "none"}},
		"other attempt":    {v.Token, 1795413600, body, map[string]string{"Evento-Attempt": "1"}},
		"other path":       {v.Token, 1795413600, body, map[string]string{"path": "/run?x"}},
		"other body":       {v.Token, 1795413600, append([]byte{0}, body...), nil},
		"too early":        {v.Token, 1795413539, body, nil},
		"too late":         {v.Token, 1795413721, body, nil},
		"alg none":         {forged(`{"alg":"none","kid":"k1"}`), 1795413600, body, nil},
		"unknown key":      {forged(`{"alg":"EdDSA","kid":"k2"}`), 1795413600, body, nil},
		"signature broken": {v.Token[:len(v.Token)-4] + "AAAA", 1795413600, body, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if status := asked(t, identityServer(t, v, c.now), v, c.token, c.body, c.change); status != 401 {
				t.Fatalf("it is answered %d", status)
			}
		})
	}
}

// Every claim is checked by itself: each is signed wrongly once with the right key.
func TestEachClaimIsChecked(t *testing.T) {
	var v identityVector
	goldenJSON(t, "identity.json", &v)
	secret, _ := hex.DecodeString(v.SecretKey)
	body := golden(t, "run-request.hex")
	hash := sha256.Sum256(body)
	for _, name := range []string{"", "iss", "aud", "iat", "exp", "call", "att", "rev", "bh"} {
		claims := map[string]any{
			"iss": "evento", "aud": "POST /run", "iat": 1795413600, "exp": 1795413660, "call": v.Request.Call, "att": 0,
			"rev": v.Request.Revision, "bh": base64.RawURLEncoding.EncodeToString(hash[:]),
		}
		delete(claims, name)
		payload, _ := json.Marshal(claims)
		signed := strings.Split(v.Token, ".")[0] + "." + base64.RawURLEncoding.EncodeToString(payload)
		signature := ed25519.Sign(ed25519.NewKeyFromSeed(secret), []byte(signed))
		token := signed + "." + base64.RawURLEncoding.EncodeToString(signature)
		status := asked(t, identityServer(t, v, 1795413600), v, token, body, nil)
		if wanted := map[bool]int{true: 200, false: 401}[name == ""]; status != wanted {
			t.Errorf("without %q it is answered %d", name, status)
		}
	}
}

func TestKeysOfAFileAreReadAgain(t *testing.T) {
	var v identityVector
	goldenJSON(t, "identity.json", &v)
	file := filepath.Join(t.TempDir(), "keys")
	other := "k0:" + base64.RawURLEncoding.EncodeToString(make([]byte, 32))
	if err := os.WriteFile(file, []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("EVENTO_IDENTITY_KEYS_FILE", file)
	s, err := NewServer(Options{}, goldenBank(received))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1795413600, 0)
	s.identity.now = func() time.Time { return now }
	s.identity.read = now
	if err := os.WriteFile(file, []byte(v.Keys+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	body := golden(t, "run-request.hex")
	if status := asked(t, s, v, v.Token, body, nil); status != 401 {
		t.Fatalf("with the old keys it is answered %d", status)
	}
	now = now.Add(time.Minute)
	if status := asked(t, s, v, v.Token, body, nil); status != 200 {
		t.Fatalf("with the new keys it is answered %d", status)
	}
}

func TestKeysThatCannotBeReadAreSaidAtTheStart(t *testing.T) {
	t.Setenv("EVENTO_IDENTITY_KEYS", "k1:short")
	if _, err := NewServer(Options{}, goldenBank(received)); err == nil || !strings.Contains(err.Error(), `"k1"`) {
		t.Fatalf("%v", err)
	}
}
