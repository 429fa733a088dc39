package config

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/invopop/jsonschema"
	"go.yaml.in/yaml/v4"
)

// Redact makes the text of a config fit to be shown: without the values of secrets, without passwords in addresses, and without
// comments, in which anything may stand. A value that comes from the environment stays as it is written, ${NAME}. The config
// need not be good, only YAML.
func Redact(data []byte, kinds Kinds) ([]byte, error) { return redacted(data, secretsOf(kinds)) }

// secretsOf are the keys whose values are secrets.
func secretsOf(kinds Kinds) map[string]bool {
	secrets, plain := map[string]bool{}, map[string]bool{}
	secretKeys(Schema(kinds), "", secrets, plain)
	for key := range plain {
		delete(secrets, key) // it is a secret at some places only: below notify, and not below oro
	}
	return secrets
}

func redacted(data []byte, secrets map[string]bool) ([]byte, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return nil, fmt.Errorf("read config: %w", err)
	}
	redact(&root, "", secrets, false)
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(&root); err != nil {
		return nil, fmt.Errorf("write config: %w", err)
	}
	return out.Bytes(), e.Close()
}

// anywhere stands for what a secret stands in where people choose the names.
const anywhere = "*"

// secretKeys collects the keys that have the three forms of a secret, by themselves and with what they stand in, and the others.
func secretKeys(s *jsonschema.Schema, within string, found, plain map[string]bool) {
	if s == nil {
		return
	}
	if s.Properties != nil {
		for pair := s.Properties.Oldest(); pair != nil; pair = pair.Next() {
			_, file := s.Properties.Get(pair.Key + "_file")
			_, env := s.Properties.Get(pair.Key + "_env")
			if file && env {
				found[pair.Key], found[join(within, pair.Key)] = true, true
			} else {
				plain[pair.Key] = true
			}
			secretKeys(pair.Value, pair.Key, found, plain)
		}
	}
	secretKeys(s.Items, within, found, plain)
	secretKeys(s.AdditionalProperties, anywhere, found, plain)
	for _, one := range s.OneOf {
		secretKeys(one, within, found, plain)
	}
}

var (
	fromEnvironment = regexp.MustCompile(`^\$\{[A-Za-z0-9_]+\}$`)
	userInfo        = regexp.MustCompile(`://[^/@\s]*@`)
	// A key that is mistyped is no key of the config, and its value may be a secret all the same.
	likeSecret = regexp.MustCompile(`(?i)pass|secret|token|hash|credential`)
)

func redact(n *yaml.Node, within string, secrets map[string]bool, secret bool) {
	n.HeadComment, n.LineComment, n.FootComment = "", "", ""
	switch n.Kind {
	case yaml.ScalarNode:
		if !fromEnvironment.MatchString(n.Value) && (secret || strings.Contains(n.Value, "PRIVATE KEY")) {
			n.Value, n.Tag, n.Style = "<secret>", "!!str", 0
		}
		n.Value = userInfo.ReplaceAllString(n.Value, "://<secret>@")
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			redact(n.Content[i], "", nil, false)
			key := n.Content[i].Value
			named := strings.HasSuffix(key, "_file") || strings.HasSuffix(key, "_env")
			known := secrets[key] || secrets[join(within, key)] || secrets[join(anywhere, key)]
			redact(n.Content[i+1], key, secrets, secret || known || !named && likeSecret.MatchString(key))
		}
	default:
		for _, inner := range n.Content {
			redact(inner, within, secrets, secret)
		}
	}
}
