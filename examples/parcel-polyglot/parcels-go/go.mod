module parcel

go 1.24

require evento.dev/sdk/go v0.1.0

replace evento.dev/sdk/go => ../../../sdk/go
