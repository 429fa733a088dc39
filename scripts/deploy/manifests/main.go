// Command manifests reads what kustomize has built on its standard input and fails where an object is of a kind or has a field that
// Kubernetes does not know, or has one twice or of another type. A module of its own, so that the bridge needs none of it:
//
//	kubectl kustomize scripts/deploy/kustomize | go -C scripts/deploy/manifests run .
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/yaml"
)

func main() {
	kinds, err := read(os.Stdin)
	for _, kind := range kinds {
		fmt.Println(kind, "is good")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// read decodes each object strictly.
func read(r io.Reader) (kinds []string, err error) {
	known := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{appsv1.AddToScheme, corev1.AddToScheme, networkingv1.AddToScheme} {
		if err := add(known); err != nil {
			return nil, err
		}
	}
	decoder := json.NewSerializerWithOptions(json.DefaultMetaFactory, known, known, json.SerializerOptions{Yaml: true, Strict: true})
	var problems []error
	for documents := yaml.NewYAMLReader(bufio.NewReader(r)); ; {
		document, err := documents.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		_, kind, err := decoder.Decode(document, nil, nil)
		if err != nil {
			problems = append(problems, fmt.Errorf("%w in\n%.300s", err, document))
			continue
		}
		kinds = append(kinds, kind.Kind)
	}
	if len(kinds) == 0 {
		problems = append(problems, errors.New("there is nothing"))
	}
	return kinds, errors.Join(problems...)
}
