package page

import "github.com/orobridge/orobridge/bridge/admit"

// Patterns are those of all of the page's routes, with who may send such a request.
func (s *Server) Patterns() map[string]admit.Role {
	all := map[string]admit.Role{}
	for _, r := range s.routes() {
		all[r.pattern] = r.role
	}
	return all
}
