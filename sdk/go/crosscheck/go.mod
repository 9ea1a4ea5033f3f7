module evento.dev/sdk/go/crosscheck

go 1.26

require (
	evento.dev/sdk/go v0.1.0
	github.com/twmb/avro v1.9.1
)

replace evento.dev/sdk/go => ../
