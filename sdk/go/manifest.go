// What discovery says of the functions of one process, put together once at the start.

package evento

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
)

// Version is the version of this SDK, as the manifest says it.
const Version = "0.1.0"

// manifestEntity is what a function says of one entity. Source: function-protocol 7.
type manifestEntity struct {
	Name         string            `json:"name"`
	Handles      []manifestCommand `json:"handles"`
	Applies      []string          `json:"applies"`
	Rejections   []string          `json:"rejections"`
	StateVersion int               `json:"stateVersion"`
}

type manifestCommand struct {
	Command string   `json:"command"`
	Emits   []string `json:"emits"`
}

type manifestProtocol struct {
	Min   int      `json:"min"`
	Max   int      `json:"max"`
	Modes []string `json:"modes"`
	HTTP  []string `json:"http"`
}

type manifestFunction struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	SDK     string `json:"sdk"`
}

type manifestLimits struct {
	Concurrency  int `json:"concurrency"`
	MaxBodyBytes int `json:"maxBodyBytes"`
	MaxWork      int `json:"maxWork"`
	MaxSteps     int `json:"maxSteps"`
}

type manifest struct {
	ManifestVersion int               `json:"manifestVersion"`
	Protocol        manifestProtocol  `json:"protocol"`
	Function        manifestFunction  `json:"function"`
	Schemas         []json.RawMessage `json:"schemas"`
	Entities        []manifestEntity  `json:"entities"`
	Limits          manifestLimits    `json:"limits"`
}

// makeManifest gives the bytes of discovery and their SHA-256 in hex.
func makeManifest(options Options, functions []*Function) ([]byte, string, error) {
	m := manifest{
		ManifestVersion: 1,
		Protocol:        manifestProtocol{Min: 1, Max: 1, Modes: []string{"plain", "run"}, HTTP: options.http()},
		Function:        manifestFunction{Name: options.Name, Version: options.Version, SDK: "evento-go/" + Version},
		Limits: manifestLimits{
			Concurrency: options.InFlightMax, MaxBodyBytes: options.BodyBytesMax, MaxWork: worksMax, MaxSteps: stepsMax,
		},
	}
	if m.Function.Name == "" {
		m.Function.Name = os.Getenv("EVENTO_FUNCTION")
	}
	if m.Function.Name == "" {
		m.Function.Name = functions[0].entity
	}
	seen := map[string]string{}
	for _, f := range functions {
		m.Entities = append(m.Entities, f.manifest)
		for _, schema := range f.schemas {
			isNew, err := firstTime(seen, schema)
			if err != nil {
				return nil, "", err
			}
			if isNew {
				m.Schemas = append(m.Schemas, schema)
			}
		}
	}
	served, err := json.Marshal(m)
	digest := sha256.Sum256(served)
	return served, hex.EncodeToString(digest[:]), err
}

// firstTime says whether a named schema is new; two functions may share one, but not define one name differently.
func firstTime(seen map[string]string, schema json.RawMessage) (bool, error) {
	var named struct{ Name, Namespace string }
	if err := json.Unmarshal(schema, &named); err != nil {
		return false, fmt.Errorf("a schema of the generated manifest cannot be read: %w", err)
	}
	var short bytes.Buffer
	if err := json.Compact(&short, schema); err != nil {
		return false, err
	}
	name := named.Namespace + "." + named.Name
	before, is := seen[name]
	if is && before != short.String() {
		return false, fmt.Errorf("two functions of one process define %s differently; generate both from one project", name)
	}
	seen[name] = short.String()
	return !is, nil
}
