package config

// SecretsOf and Redacted are the two halves of [Redact]: the first takes long, and is the same for all configs.
var (
	SecretsOf = secretsOf
	Redacted  = redacted
)
