module evento.dev/sdk/go

go 1.24
