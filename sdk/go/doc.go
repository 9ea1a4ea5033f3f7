// Package evento writes Evento functions in Go: two pure functions per entity, everything else is Evento's.
//
// `evento gen go` turns the project's YAML resources and .avsc files into types, codecs and one interface per entity
// with a method for each command and each event that is applied. The author implements the interface and serves it:
//
//	func main() { evento.Serve(bank.NewAccountFunction(Accounts{})) }
//
// What is in here:
//
//   - [Serve] and [Server]: discovery, both framings of the function protocol, readiness, graceful stop.
//   - [Reader] and [Writer]: Avro binary, strict when read and canonical when written. Generated code uses them.
//   - [Context] and [ApplyContext]: what a decision may use beside the command and the state.
//   - [UUID], [Date], [Decimal]: values of Avro's logical types.
//
// Package eventotest tests a function as given-when-then without a server.
//
// The package depends on the standard library only. It knows nothing of storage, retries or Kafka: those are
// Evento's. It never resolves schemas: Evento sends exactly the schemas that the manifest declares.
package evento
